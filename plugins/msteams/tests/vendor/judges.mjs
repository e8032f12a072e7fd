// Both verifiers of Microsoft judge tokens that are signed with the keys of this metadata: a line of JSON with two
// verdicts for each. Arguments: the folder of the clients, the metadata, the app, the service, the tokens.
import { createRequire } from 'node:module';
import path from 'node:path';

const [vendors, metadata, app, serviceUrl, tokens] = process.argv.slice(2);
const modules = path.join(vendors, '..', 'msteams');
const require = createRequire(path.join(modules, 'x.js'));
const { JwtTokenExtractor } = require('botframework-connector/lib/auth/jwtTokenExtractor');
const { ServiceTokenValidator } = require(
  path.join(modules, 'node_modules/@microsoft/teams.apps/dist/middleware/auth/service-token-validator.js'),
);
const issuer = 'https://api.botframework.com';
console.error = () => {};

const extractor = new JwtTokenExtractor(
  { issuer: [issuer], audience: undefined, clockTolerance: 300, ignoreExpiration: false },
  metadata,
  ['RS256', 'RS384', 'RS512'],
);
const connector = async (token) => {
  const identity = await extractor.getIdentityFromAuthHeader(`Bearer ${token}`, 'msteams', []);
  // The caller of this one compares the audience and the service.
  return identity.getClaimValue('aud') === app && identity.getClaimValue('serviceurl') === serviceUrl;
};

const nothing = () => {};
const quiet = { child: () => quiet, debug: nothing, error: nothing, info: nothing, log: nothing, warn: nothing };
const cloud = { loginEndpoint: new URL(metadata).origin, tokenIssuer: issuer, openIdMetadataUrl: metadata };
const validator = new ServiceTokenValidator(app, 'tenant', undefined, quiet, cloud);
const apps = async (token) => {
  await validator.check(`Bearer ${token}`, { id: '1', serviceUrl, channelId: 'msteams' });
  return true;
};

const judged = {};
for (const [name, token] of Object.entries(JSON.parse(tokens))) {
  judged[name] = [await connector(token).catch(() => false), await apps(token).catch(() => false)];
}
console.log(JSON.stringify({ judged }));
process.exit(0);
