// The resellers as an operator sees them, and the views of one of them: `resellers/ID`.

import { ResellersDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { may, type ViewProps } from '../app/viewer';
import { SalesOf } from '../sales/SalesPage';
import { Answer } from '../ui/Answer';
import { Card, Empty, Page } from '../ui/parts';
import { useTranslation } from '../words';
import { ConnectionsOf } from './ConnectionsPage';

export function ResellersPage({ viewer, path: [id, part] }: ViewProps) {
  const { t } = useTranslation();
  const asked = useAsked({ query: ResellersDocument, variables: {} });
  const name = asked.data?.resellers.find((reseller) => reseller.id === id)?.name ?? '';
  if (id !== undefined) {
    const hasOrders = may(viewer, 'order:read');
    const isConnections = part === 'connections';
    return (
      <Page
        title={isConnections ? t.connections.of(name) : t.sales.of(name)}
        aside={
          <a className="back" href={hrefOf('resellers')}>
            {t.resellers.title}
          </a>
        }
      >
        {isConnections ? (
          <ConnectionsOf reseller={id} />
        ) : (
          <SalesOf reseller={id} isWatched={hasOrders} hasOrders={hasOrders} isOperator={viewer.reseller === null} />
        )}
      </Page>
    );
  }
  return (
    <Page title={t.resellers.title}>
      <Answer asked={asked}>
        {({ resellers }) =>
          resellers.length === 0 ? (
            <Empty title={t.resellers.none} hint={t.resellers.noneHint} />
          ) : (
            resellers.map((reseller) => (
              <Card key={reseller.id} title={reseller.name}>
                <p>
                  {t.resellers.sources}: {reseller.connections.map(({ source }) => source.institution).join(', ') || t.state.none}
                </p>
                <div className="bar">
                  <a href={hrefOf('resellers', reseller.id)}>
                    {t.resellers.sales}
                    <span className="visually-hidden"> {reseller.name}</span>
                  </a>
                  <a href={hrefOf('resellers', reseller.id, 'connections')}>
                    {t.resellers.connections}
                    <span className="visually-hidden"> {reseller.name}</span>
                  </a>
                </div>
              </Card>
            ))
          )
        }
      </Answer>
    </Page>
  );
}
