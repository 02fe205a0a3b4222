// The words and formats of the language that a person chose.

import { type Language, language } from '../app/settings';
import { useStore } from '../app/store';
import { de } from './de';
import { en, type Words } from './en';
import { type Formats, formatsOf } from './formats';
import { fr } from './fr';

export type { Words } from './en';
export type { Formats, Money } from './formats';

export interface Speech {
  language: Language;
  t: Words;
  f: Formats;
}

const speeches: Record<Language, Speech> = {
  en: { language: 'en', t: en, f: formatsOf('en') },
  fr: { language: 'fr', t: fr, f: formatsOf('fr') },
  de: { language: 'de', t: de, f: formatsOf('de') },
};

export function useSpeech(): Speech {
  return speeches[useStore(language)];
}
