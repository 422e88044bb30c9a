/** Text out of a file of unknown encoding: spreadsheets save CSV in whatever their system prefers. */

/**
 * Decodes by byte order mark, else as UTF-16 where every other byte is 0, else as UTF-8, and what is no
 * UTF-8 as Windows-1252 (which contains Latin-1's letters). The mark itself is taken off.
 */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

function encodingOf(bytes: Uint8Array): string {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  const start = bytes.subarray(0, 1000);
  const zeros = (from: number): number =>
    start.filter((byte, i) => i % 2 === from && byte === 0).length;
  const most = start.length * 0.4;
  if (zeros(1) > most && zeros(0) === 0) return 'utf-16le';
  if (zeros(0) > most && zeros(1) === 0) return 'utf-16be';
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return 'utf-8';
  } catch {
    return 'windows-1252';
  }
}
