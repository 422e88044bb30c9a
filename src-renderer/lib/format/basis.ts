/** What a carbon intensity counts, in a word: figures of different bases are never ranked. */

/** `lifecycle`, `direct`, `provider`, `own`: the first word of the basis, where it is a word of the field. */
export function shortBasis(basis: string): string {
  const lower = basis.toLowerCase();
  if (lower.includes('where no hour was known')) return 'mixed';
  if (/life.?cycle/.test(lower)) return 'lifecycle';
  if (lower.startsWith('direct')) return 'direct';
  if (lower.includes('provider')) return 'provider';
  return 'own';
}

/** What the words mean, for a title or a heading. */
export const basisMeaning: Record<string, string> = {
  lifecycle: 'with the building of power plants and the supply of fuel',
  direct: 'what the power plants emit while they run, and nothing else',
  provider: 'as the provider of the cloud publishes it',
  own: 'as you gave it',
  mixed: 'hours and the year’s figure count different things',
};
