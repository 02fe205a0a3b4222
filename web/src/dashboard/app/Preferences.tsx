// Language and colors.

import { useStore } from '../../store';
import { useTranslation } from '../words';
import { type Language, LANGUAGES, language, type Theme, THEMES, theme } from './settings';

export function Preferences() {
  const { t } = useTranslation();
  return (
    <div className="preferences" role="group" aria-label={t.app.settings}>
      <select
        aria-label={t.app.language}
        value={useStore(language)}
        onChange={(event) => language.set(event.target.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
      <select aria-label={t.app.theme} value={useStore(theme)} onChange={(event) => theme.set(event.target.value as Theme)}>
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {t.app.themes[name]}
          </option>
        ))}
      </select>
    </div>
  );
}
