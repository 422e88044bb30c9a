/**
 * SQLite as the store's functions see it: SQL text in, plain rows out, every statement compiled once.
 *
 * Reading and writing have different types (an idea of Signal Desktop's `ts/sql`): a function that takes
 * a `ReadableDb` cannot write, and at run time its connection cannot either.
 */
import type BetterSqlite3 from 'better-sqlite3';

export type Value = number | string | null;
/** What a column can hold; only rows that are copied as they are need the blobs. */
export type Stored = Value | Uint8Array;
/** Positional values, or one object for `@name` parameters. */
export type Values = Value[] | [Record<string, Value>];

export interface ReadableDb {
  all<Row>(sql: string, ...values: Values): Row[];
  get<Row>(sql: string, ...values: Values): Row | undefined;
  /** Rows as arrays, for long results. */
  rows<Row extends Value[]>(sql: string, ...values: Values): Row[];
  /** Path of the file behind it. */
  readonly file: string;
  /** Another file, by the same library; whoever opens it closes it. */
  open(file: string, options?: BetterSqlite3.Options): BetterSqlite3.Database;
}

export interface WritableDb extends ReadableDb {
  run(sql: string, ...values: Stored[] | [Record<string, Value>]): { changes: number; id: number };
}

export function readable(connection: BetterSqlite3.Database): ReadableDb {
  const compiled = statements(connection);
  // whether a statement answers with objects or arrays is a property of it: each kind has its own
  const raw = statements(connection, (statement) => statement.raw());
  const Database = connection.constructor as typeof BetterSqlite3;
  return {
    file: connection.name,
    open: (file, options) => new Database(file, options),
    all: <Row>(sql: string, ...values: Values) => compiled(sql).all(...values) as Row[],
    get: <Row>(sql: string, ...values: Values) => compiled(sql).get(...values) as Row | undefined,
    rows: <Row extends Value[]>(sql: string, ...values: Values) => raw(sql).all(...values) as Row[],
  };
}

export function writable(connection: BetterSqlite3.Database): WritableDb {
  const compiled = statements(connection);
  return {
    ...readable(connection),
    run(sql, ...values) {
      const { changes, lastInsertRowid } = compiled(sql).run(...values);
      return { changes, id: Number(lastInsertRowid) };
    },
  };
}

function statements(
  connection: BetterSqlite3.Database,
  adjust: (statement: BetterSqlite3.Statement) => BetterSqlite3.Statement = (as) => as,
) {
  const cache = new Map<string, BetterSqlite3.Statement>();
  return (sql: string): BetterSqlite3.Statement => {
    let statement = cache.get(sql);
    if (!statement) cache.set(sql, (statement = adjust(connection.prepare(sql))));
    return statement;
  };
}
