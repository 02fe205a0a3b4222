// The words and formats of the language that a person chose. English is the list of all words: the other languages do not compile
// without each of them, nor with one more, nor where a word takes something else.

import { useStore } from '../../store';
import { type Language, language, localeOf } from '../app/settings';
import * as de from './de';
import * as en from './en';
import { type Formats, formatsOf } from './formats';
import * as fr from './fr';

export type { Formats, Money } from './formats';

const together = ({ frame, listing, partners, operation, overview, people, states, webhooks }: typeof en) => ({
  ...frame,
  ...listing,
  ...partners,
  ...operation,
  ...overview,
  ...people,
  ...states,
  ...webhooks,
});

/** Every word in one language. */
export type Words = ReturnType<typeof together>;

export interface Translation {
  language: Language;
  t: Words;
  f: Formats;
}

const translations: Record<Language, Translation> = {
  en: { language: 'en', t: together(en), f: formatsOf(localeOf('en')) },
  fr: { language: 'fr', t: together(fr), f: formatsOf(localeOf('fr')) },
  de: { language: 'de', t: together(de), f: formatsOf(localeOf('de')) },
};

export function useTranslation(): Translation {
  return translations[useStore(language)];
}
