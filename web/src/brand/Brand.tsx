// The name and the logo, which lead to the first page.

import logo from './logo.svg';

export function Brand() {
  return (
    <a className="brand" href="/">
      <img src={logo} alt="" width={28} height={28} />
      ticketgraph
    </a>
  );
}
