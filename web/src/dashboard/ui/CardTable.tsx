// A table whose rows are cards on a phone, so that nothing has to be scrolled sideways.

import { Fragment, type ReactNode } from 'react';

export interface Column {
  name: string;
  isNumber?: boolean;
}

interface Shown {
  label: string;
  columns: readonly Column[];
  /** `more` is shown below the row, over its whole width. */
  rows: { key: string; cells: readonly ReactNode[]; more?: ReactNode }[];
}

const classOf = ({ isNumber }: Column) => (isNumber ? 'number' : undefined);

/** The first cell of a row is its heading. */
export function CardTable({ label, columns, rows }: Shown) {
  // A layout that is no table takes the roles away, so they are given.
  return (
    <table className="card-table" role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.name} scope="col" role="columnheader" className={classOf(column)}>
              {column.name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map(({ key, cells: [heading, ...cells], more }) => (
          <Fragment key={key}>
            <tr role="row" data-row={key}>
              <th scope="row" role="rowheader">
                {heading}
              </th>
              {columns.slice(1).map((column, place) => (
                <td key={column.name} role="cell" className={classOf(column)}>
                  <span className="cell-name" aria-hidden="true">
                    {column.name}
                  </span>
                  <span>{cells[place]}</span>
                </td>
              ))}
            </tr>
            {more ? (
              <tr role="row" className="more">
                <td role="cell" colSpan={columns.length}>
                  {more}
                </td>
              </tr>
            ) : null}
          </Fragment>
        ))}
      </tbody>
    </table>
  );
}
