// The right form of a noun for a number.

/** `plural('en')(2, 'ticket', 'tickets')` is `2 tickets`. */
export function plural(language: string) {
  const rules = new Intl.PluralRules(language);
  const digits = new Intl.NumberFormat(language);
  return (count: number, one: string, other: string) => `${digits.format(count)} ${rules.select(count) === 'one' ? one : other}`;
}
