/** What a page that is served may not: a token that leaks shall be no shell, and open no windows of a desktop. */
import { AppError, type Handlers } from '../contract.ts';

export const restricted = (handlers: Handlers): Handlers => ({
  ...handlers,
  'app.info': async (input) => {
    const info = await handlers['app.info'](input);
    const can = {
      ...info.can,
      commands: false,
      chooseFolder: false,
      revealInFolder: false,
      serve: false,
    };
    return { ...info, can };
  },
  'app.chooseDataDir': () => {
    throw new AppError(
      'UNAVAILABLE',
      'The data folder cannot be chosen from this page.',
      'Start the program with HUGGINGGREEN_HOME=/path/to/folder.',
    );
  },
  'datasets.chooseFolder': () => {
    throw new AppError(
      'UNAVAILABLE',
      'Folders cannot be chosen from this page.',
      'Type the path of the folder.',
    );
  },
  'runs.reveal': () => {
    throw new AppError(
      'UNAVAILABLE',
      'Folders cannot be shown from this page.',
      'The page of the run names them.',
    );
  },
  'runs.command': () => {
    throw new AppError(
      'UNAVAILABLE',
      'Commands cannot be started from this page.',
      'Start it with hugginggreen run -- COMMAND on that computer, or the server with --allow-commands.',
    );
  },
});
