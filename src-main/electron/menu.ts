/** The menu: what every program has, and the actions of the table with their keys. */
import { app, Menu, type MenuItemConstructorOptions } from 'electron';
import { actions, type ActionId, type ActionWords } from '../contract/actions.ts';

/** Electron's name of a key combination; a key without Ctrl or Cmd is the page's alone. */
const accelerator = (keys: string | null): string | undefined =>
  keys?.startsWith('Mod+') ? keys.replace('Mod', 'CmdOrCtrl') : undefined;

/** @param take does an action in the page */
export function setMenu(take: (id: ActionId) => void): void {
  const isMac = process.platform === 'darwin';
  const items = (group: ActionWords['group']): MenuItemConstructorOptions[] =>
    actions
      .filter((action) => action.group === group)
      .map(({ id, title, keys }) => ({
        id,
        label: title,
        accelerator: accelerator(keys),
        // the page hears the key itself; the menu only shows it
        registerAccelerator: false,
        click: () => take(id),
      }));
  const template: MenuItemConstructorOptions[] = [
    ...(isMac ? [{ role: 'appMenu' } as const] : []),
    {
      label: 'File',
      submenu: [
        ...items('Experiment'),
        { type: 'separator' },
        isMac ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    { label: 'Go', submenu: items('Go to') },
    {
      label: 'Run',
      submenu: [...items('Run'), { type: 'separator' }, ...items('Runs selected or shown')],
    },
    {
      label: 'View',
      submenu: [
        ...items('View'),
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
        ...(app.isPackaged
          ? []
          : [
              { type: 'separator' } as const,
              { role: 'reload' } as const,
              { role: 'toggleDevTools' } as const,
            ]),
      ],
    },
    { role: 'windowMenu' },
    { role: 'help', submenu: items('Help') },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
