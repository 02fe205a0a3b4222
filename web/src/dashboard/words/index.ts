// The words and formats of the language that a person chose. English is the list of all words: the other languages do not compile
// without each of them, nor with one more, nor where a word takes something else.

import { type Language, language } from '../app/settings';
import { useStore } from '../app/store';
import * as de from './de';
import * as en from './en';
import { type Formats, formatsOf } from './formats';
import * as fr from './fr';

export type { Formats, Money } from './formats';

const together = ({ frame, partners, operation, overview, states }: typeof en) => ({
  ...frame,
  ...partners,
  ...operation,
  ...overview,
  ...states,
});

/** Every word in one language. */
export type Words = ReturnType<typeof together>;

export interface Translation {
  language: Language;
  t: Words;
  f: Formats;
}

const translations: Record<Language, Translation> = {
  en: { language: 'en', t: together(en), f: formatsOf('en') },
  fr: { language: 'fr', t: together(fr), f: formatsOf('fr') },
  de: { language: 'de', t: together(de), f: formatsOf('de') },
};

export function useTranslation(): Translation {
  return translations[useStore(language)];
}
