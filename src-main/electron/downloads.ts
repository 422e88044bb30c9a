/**
 * Where the person saves files: the dialog opens in the folder of the last time. Electron remembered that by
 * itself until version 42.
 */
import { app, session } from 'electron';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const remembered = (): string => join(app.getPath('userData'), 'save-folder.txt');

export function rememberSaveFolder(): void {
  session.defaultSession.on('will-download', (_event, item) => {
    item.setSaveDialogOptions({ defaultPath: join(lastFolder(), item.getFilename()) });
    item.once('done', (_done, state) => {
      const path = item.getSavePath();
      if (state === 'completed' && path) keep(dirname(path));
    });
  });
}

/** The system's own folder for downloads where there is none yet, or where it has gone. */
function lastFolder(): string {
  try {
    const folder = readFileSync(remembered(), 'utf8').trim();
    if (folder !== '' && existsSync(folder)) return folder;
  } catch {
    // nothing was saved yet
  }
  return app.getPath('downloads');
}

function keep(folder: string): void {
  try {
    writeFileSync(remembered(), `${folder}\n`);
  } catch (cause) {
    console.error(`The folder was not remembered: ${String(cause)}`);
  }
}
