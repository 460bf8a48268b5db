import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { releaseOnGitLab } from '../../docker/gitlab-release.ts';

/** GitLab's API, as far as a release needs it; it refuses what `refused` matches. */
async function startGitLab(t: Test, refused = /^$/) {
  const asked: { readonly call: string; readonly token: unknown; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    const call = `${request.method} ${request.url}`;
    const body = (await buffer(request)).toString();
    asked.push({ call, token: request.headers['job-token'], body });
    response.writeHead(refused.test(call) ? 403 : 201).end('{"message":"as the test has it"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { asked, project: { api: `http://127.0.0.1:${port}/api/v4`, id: '7', token: 'secret' } };
}

const FILES = { 'RELEASE_NOTES.md': '# sidestub 0.2.0\n', 'sidestub-0.2.0.tgz': 'a package' };

test('a release on GitLab has each file in the package registry, and links to it', async (t) => {
  const { asked, project } = await startGitLab(t);
  await releaseOnGitLab(project, { tag: 'v0.2.0', folder: t.testdir(FILES) });
  const packages = '/api/v4/projects/7/packages/generic/sidestub/0.2.0';
  t.strictSame(
    asked.map(({ call }) => call),
    [
      `PUT ${packages}/RELEASE_NOTES.md`,
      `PUT ${packages}/sidestub-0.2.0.tgz`,
      'POST /api/v4/projects/7/releases',
    ],
  );
  t.strictSame([...new Set(asked.map(({ token }) => token))], ['secret']);
  t.equal(asked[1]?.body, 'a package');
  const { tag_name, description, assets } = JSON.parse(asked[2]?.body ?? '');
  t.equal(tag_name, 'v0.2.0');
  t.equal(description, '# sidestub 0.2.0\n');
  t.strictSame(assets.links[1], {
    name: 'sidestub-0.2.0.tgz',
    url: project.api.replace('/api/v4', `${packages}/sidestub-0.2.0.tgz`),
  });
});

test('a refusal of GitLab fails the release with what it said', async (t) => {
  const { project } = await startGitLab(t, /releases$/);
  await t.rejects(releaseOnGitLab(project, { tag: 'v0.2.0', folder: t.testdir(FILES) }), {
    message: /POST .*releases: 403 .*as the test has it/,
  });
});
