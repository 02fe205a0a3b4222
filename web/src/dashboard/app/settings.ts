// What a person chose for this browser: colors and language. The key of the session lives as long as the tab.

import { createStore } from '../../store';

export type Theme = 'system' | 'light' | 'dark';
export const THEMES: Theme[] = ['system', 'light', 'dark'];

export type Language = 'en' | 'fr' | 'de';
export const LANGUAGES: Record<Language, string> = { en: 'English', fr: 'Français', de: 'Deutsch' };

// Storage may be switched off: then choices last as long as the page.
function recall(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(name);
  } catch {
    return null;
  }
}

function keep(storage: () => Storage, name: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    // Not kept.
  }
}

const local = () => localStorage;
const session = () => sessionStorage;

function firstLanguage(): Language {
  const wanted = [recall(local, 'ticketgraph.language'), ...navigator.languages];
  const known = wanted.map((tag) => tag?.slice(0, 2)).find((tag) => tag !== undefined && tag in LANGUAGES);
  return (known as Language | undefined) ?? 'en';
}

/** The language with the region of this browser, for money and dates: `fr-CH` where `fr` was chosen. */
export function localeOf(language: Language): string {
  return navigator.languages.find((tag) => new Intl.Locale(tag).language === language) ?? language;
}

function firstTheme(): Theme {
  const kept = recall(local, 'ticketgraph.theme');
  return THEMES.find((theme) => theme === kept) ?? 'system';
}

export const theme = createStore<Theme>(firstTheme());
export const language = createStore<Language>(firstLanguage());
/** The key of the caller; never in an address, a cookie or a log. */
export const key = createStore<string | null>(recall(session, 'ticketgraph.key'));

function show(): void {
  const { dataset } = document.documentElement;
  if (theme.get() === 'system') delete dataset.theme;
  else dataset.theme = theme.get();
  document.documentElement.lang = language.get();
}

theme.subscribe(() => keep(local, 'ticketgraph.theme', theme.get()));
language.subscribe(() => keep(local, 'ticketgraph.language', language.get()));
key.subscribe(() => keep(session, 'ticketgraph.key', key.get()));
theme.subscribe(show);
language.subscribe(show);
show();
