// Writes and reads with the vendor's own client, and prints what that made of the answers, as one line of JSON.
// Arguments: the folder of the client's environment, the base address, a key, and the session and thread to write.
import { pathToFileURL } from 'node:url';

const [environment, base, key, id, threadId] = process.argv.slice(2);
const at = (name) => pathToFileURL(`${environment}/node_modules/@agentuity/server/dist/${name}`);
const vendor = await import(at('index.js'));
const { z } = vendor;

const client = new vendor.APIClient(base, vendor.createLogger('error'), key, { maxRetries: 0 });
const done = z.object({ success: z.boolean() });
const timestamp = 1790000000123;

async function write(method, path, body, schema) {
	const answer = await client.request(method, path, done, body, schema);
	if (!answer.success) throw new Error(`${method} ${path} was refused`);
}

async function failure(asked) {
	try {
		await asked();
		return null;
	} catch (fault) {
		return { tag: fault._tag ?? fault.name, status: fault.status ?? null, message: fault.message };
	}
}

const owner = { orgId: 'org_1', projectId: 'proj_1', devmode: false, deploymentId: 'deploy_1' };
const metadata = { user: { id: 'u-1', roles: ['admin', 'dev'] } };
await write(
	'POST',
	'/session',
	{ id, ...owner, threadId, routeId: 'route_1', environment: 'production', url: '/api/x', method: 'POST', trigger: 'api', metadata, timestamp },
	vendor.SessionStartEventDelayedSchema
);
await write(
	'PUT',
	'/session',
	{ id, threadId, statusCode: 200, agentIds: ['agent_1', 'agentid_1'], userData: '{"n":1}', timestamp: timestamp + 250 },
	vendor.SessionCompleteEventDelayedSchema
);
await write(
	'POST',
	'/evalrun',
	{ id: 'evalrun_1', sessionId: id, evalId: 'evalid_1', evalIdentifier: 'eval_1', ...owner, timestamp: timestamp + 300 },
	vendor.EvalRunStartEventDelayedSchema
);
await write(
	'PUT',
	'/evalrun',
	{ id: 'evalrun_1', result: { passed: true, score: 1 }, timestamp: timestamp + 400 },
	vendor.EvalRunCompleteEventDelayedSchema
);

const told = {
	list: await vendor.sessionList(client),
	narrow: await vendor.sessionList(client, {
		limit: 5, offset: 0, sort: 'duration', direction: 'asc', orgId: 'org_1', projectId: 'proj_1',
		deploymentId: 'deploy_1', trigger: 'api', env: 'production', devmode: false, success: true, threadId,
		agentIdentifier: 'agent_1', startAfter: '2026-01-01T00:00:00+02:00', startBefore: '2027-01-01T00:00:00Z',
		metadata: { user: { roles: ['dev'] } },
	}),
	none: await vendor.sessionList(client, { metadata: { user: { roles: ['guest'] } } }),
	get: await vendor.sessionGet(client, { id }),
	logs: await vendor.sessionLogs(client, { id }),
	threads: await vendor.threadList(client, { sort: 'updated', direction: 'desc', projectId: 'proj_1' }),
	thread: await vendor.threadGet(client, { id: threadId }),
	runs: await vendor.evalRunList(client, { sessionId: id }),
	run: await vendor.evalRunGet(client, 'evalrun_1'),
	evals: await vendor.evalList(client, {}),
	eval: await vendor.evalGet(client, 'evalid_1'),
	missing: await failure(() => vendor.sessionGet(client, { id: `sess_${'f'.repeat(32)}` })),
	refused: await failure(() => vendor.sessionList(client, { limit: -1 })),
};
// The tree that the client hands over unread, read by its own schema.
vendor.SpanNodeSchema.parse(told.get.timeline);
await vendor.threadDelete(client, { id: threadId });
told.deleted = await failure(() => vendor.threadGet(client, { id: threadId }));
console.log(JSON.stringify(told));
