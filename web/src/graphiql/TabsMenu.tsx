// Every open tab in a menu: the row of tabs shows only as many as fit.

import { DropdownMenu, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';

export function TabsMenu() {
  const tabs = useGraphiQL((state) => state.tabs);
  const active = useGraphiQL((state) => state.activeTabIndex);
  const { changeTab } = useGraphiQLActions();
  useEffect(() => {
    document.getElementById(`graphiql-session-tab-${active}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [active, tabs.length]);
  return (
    <DropdownMenu>
      <DropdownMenu.Button className="tabs-menu">All tabs ({tabs.length})</DropdownMenu.Button>
      <DropdownMenu.Content>
        {tabs.map((tab, index) => (
          <DropdownMenu.Item key={tab.id} onSelect={() => changeTab(index)}>
            {tab.title}
          </DropdownMenu.Item>
        ))}
      </DropdownMenu.Content>
    </DropdownMenu>
  );
}
