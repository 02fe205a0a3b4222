// The root fields of a federation gateway, which the server answers and does not list: the editor learns them here, so that it
// completes and checks them like all others.

import {
  buildClientSchema,
  extendSchema,
  type IntrospectionQuery,
  introspectionFromSchema,
  isInterfaceType,
  parse,
} from 'graphql';

/** The introspected schema and these fields. Entities are the types that implement Node. */
export function withFederation(introspection: IntrospectionQuery): IntrospectionQuery {
  const schema = buildClientSchema(introspection);
  const node = schema.getType('Node');
  if (!isInterfaceType(node)) return introspection;
  const entities = schema.getPossibleTypes(node).map(({ name }) => name);
  const extension = parse(`
    "A representation of an entity: its \`__typename\` and its \`id\`."
    scalar _Any
    "Any entity that a gateway may request by its key."
    union _Entity = ${entities.join(' | ')}
    "This schema as a subgraph."
    type _Service { "The SDL of the subgraph." sdl: String }
    extend type Query {
      "This schema as a subgraph, for gateways."
      _service: _Service!
      "Entities by their keys, for gateways."
      _entities(representations: [_Any!]!): [_Entity]!
    }`);
  const extended = introspectionFromSchema(extendSchema(schema, extension), { inputValueDeprecation: true });
  // An extended schema loses its description.
  return { __schema: { ...extended.__schema, description: introspection.__schema.description } };
}
