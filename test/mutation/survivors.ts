import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Mutants that no test can or should notice. */
export interface Survivor {
  /** From the root of the repository. */
  readonly file: string;
  /** Part of the line that is mutated; it stands in the file once. */
  readonly code: string;
  /** What the mutated part becomes, where only one of the line's mutants is meant. */
  readonly becomes?: string;
  readonly why: string;
}

export const SURVIVORS: readonly Survivor[] = [
  {
    file: 'src/resolve/conformance.ts',
    code: 'this.doubts++;',
    why: 'only whether it is what it was is asked, whichever way it counts',
  },
  {
    file: 'src/resolve/conformance.ts',
    code: "if (verdict === 'failure') throw new Error(",
    becomes: '``',
    why: 'no answer is no verdict, whatever it is called: the text is for whoever debugs',
  },
  {
    file: 'src/resolve/cuts.ts',
    code: "labels.at(-count) ?? ''",
    becomes: '"Stryker was here!"',
    why: 'count is never larger than the list; the default is for the compiler',
  },
  {
    file: 'src/resolve/cuts.ts',
    code: 'if (cut?.used === true && this.options.trusted())',
    becomes: 'cut.used',
    why: 'a cut that goes cancels its timer, so a timer that fires finds it',
  },
  {
    file: 'src/resolve/scrub.ts',
    code: 'if (records.length < 2) return',
    becomes: 'false',
    why: 'a record alone is its RRset; this spares the look at it',
  },
  {
    file: 'src/resolve/scrub.ts',
    code: 'return ttl === rr.ttl ? rr',
    becomes: 'false',
    why: 'a copy is equal; the original only saves making one',
  },
  {
    file: 'src/wire/partial-response.ts',
    code: 'if (!(error instanceof WireError)) throw error;',
    becomes: 'false',
    why: 'reading a record throws nothing else',
  },
  {
    file: 'src/wire/partial-response.ts',
    code: '} catch (error) {\n    if (!(error instanceof',
    becomes: '{}',
    why: 'the same',
  },
  {
    file: 'src/upstream/ask.ts',
    code: 'if (this.rounds === 2) {',
    becomes: 'this.rounds <= 2',
    why: 'it is the second round at least: it has just begun',
  },
  {
    file: 'src/upstream/send.ts',
    code: 'if (at >= 0) this.open.splice(at, 1);',
    becomes: 'true',
    why: 'a send that speaks is open: what is closed says nothing',
  },
  {
    file: 'src/upstream/send.ts',
    code: 'for (const { exchange } of this.open.splice(0)) exchange?.close();',
    becomes: 'exchange.close',
    why: 'nothing ends a question while it sends; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/reply.ts',
    code: 'return message.authenticData ? { ...message',
    becomes: 'true',
    why: 'a copy without AD of what has none is equal; the original only saves making one',
  },
  {
    file: 'src/upstream/ask.ts',
    code: 'this.betterWait?.set(PARTIAL_WAIT)',
    becomes: 'this.betterWait.set',
    why: 'for the compiler: the TC for which an OPT is needed has begun the wait',
  },
  {
    file: 'src/upstream/reply.ts',
    code: 'if (error instanceof WireError) return judgeDamaged(octets, header, asked);',
    becomes: 'true',
    why: 'a bug in reading comes up again where the damaged reply is read, from the same octets',
  },
  {
    file: 'src/upstream/ask.ts',
    code: 'if (this.settled) return;\n    this.settle();',
    becomes: 'false',
    why: 'a question that is over has closed all that could fail it',
  },
  {
    file: 'src/upstream/health.ts',
    code: 'if (this.unanswered === 0) return;',
    becomes: 'false',
    why: 'where nothing went unanswered there is nothing to stop; this spares looking',
  },
  {
    file: 'src/upstream/https-exchange.ts',
    code: 'if (this.waiting.size === 0) this.watch?.cancel();',
    becomes: 'this.watch.cancel',
    why: 'what ends has begun with a watch; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/https-exchange.ts',
    code: 'if (age === 0) return message;',
    why: 'a copy is equal; the original only saves making one',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'if (this.only !== undefined) return this.only;',
    why: 'the whole choice comes to the same; this spares it',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'first !== undefined && second === undefined',
    becomes: 'true',
    why: 'there is a first; what is spared is only spared',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'first !== undefined && second === undefined',
    becomes: 'false',
    why: 'of one server the whole choice is the same; what is spared is only spared',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'first !== undefined && second === undefined',
    becomes: 'first === undefined',
    why: 'there is a first, so that nothing is spared any more; the whole choice comes to the same',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'if (servers.length === 1) return servers;',
    becomes: 'false',
    why: 'the whole choice comes to the same; this spares it',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'if (nearest === undefined) return undefined;',
    becomes: 'false',
    why: 'of nobody nobody is chosen, whatever the name',
  },
  {
    file: 'src/upstream/selection.ts',
    code: 'for (let i = 0; i < name.length; i++) {',
    becomes: 'i <= name.length',
    why: 'another hash, as even',
  },
  {
    file: 'src/upstream/server.ts',
    code: 'transports[address.transport]?.send(PROBE',
    becomes: 'transports[address.transport].send',
    why: 'the transport that the address names is always there; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/stream-connection.ts',
    code: 'this.unsent = [];',
    why: 'a connection opens once; it is emptied to let go of what it held',
  },
  {
    file: 'src/upstream/stream-transport.ts',
    code: 'this.connections.clear();',
    why: 'nobody waits on what was destroyed; it is let go of, no more',
  },
  {
    file: 'src/upstream/stream-transport.ts',
    code: 'this.connections.delete(connection);',
    why: 'nobody waits on what was lost; it is let go of, no more',
  },
  {
    file: 'src/upstream/stream-transport.ts',
    code: 'inFlight.closed = true;\n  inFlight.listener',
    why: 'a question waits in one place, so that nothing fails it twice',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (error instanceof UpstreamError) this.parts.tallies',
    becomes: 'true',
    why: 'a bug has no reason, and a set counts nothing that is not in it',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (this.latest?.server.dead === true && this.next',
    becomes: 'this.latest.server',
    why: 'a failover begins by asking somebody; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (this.deadlineAt - now <= left)',
    becomes: 'true',
    why: 'a timer that the silence makes needless, no more',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (this.deadlineAt - now <= left)',
    becomes: 'this.deadlineAt - now < left',
    why: 'where both end at once, the end of the silence sees the deadline',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (this.errorReply === undefined || place < this.errorReply.place)',
    becomes: 'place <= this.errorReply.place',
    why: 'a place has one error reply',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'this.open.some(\n      (serverQuestion) => !serverQuestion.refused && serverQuestion.place < place,\n    )',
    becomes: 'serverQuestion.place <= place',
    why: 'a place that has spoken is not open any more',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'this.silence?.cancel();\n    for (const',
    becomes: 'this.silence.cancel',
    why: 'a failover begins with silence; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'for (const { ask } of this.open.splice(0)) ask?.cancel();',
    becomes: 'ask.cancel',
    why: 'nothing ends a failover while it begins a question; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (at >= 0) this.open.splice(at, 1);',
    becomes: 'true',
    why: 'a place that speaks is open',
  },
  {
    file: 'src/upstream/tls-dialer.ts',
    code: '...(serverName === undefined ? {}',
    becomes: 'false',
    why: 'to node an option that is undefined is none',
  },
  {
    file: 'src/upstream/tls-dialer.ts',
    code: 'socket.setNoDelay(true);',
    why: 'it only costs time to go without',
  },
  {
    file: 'src/upstream/udp-exchange.ts',
    code: 'if (oldest === undefined || limit.clock.now()',
    becomes: 'false',
    why: 'there is one where there is no room; the default is for the compiler',
  },
  {
    file: 'src/upstream/udp-exchange.ts',
    code: 'private readonly reported: Suspicion[] = [];',
    why: 'no suspicion is called that, so that none counts as reported',
  },
  {
    file: 'src/upstream/udp-exchange.ts',
    code: 'if (!this.open.has(this)) return;\n    const verdict',
    becomes: 'false',
    why: 'node hands out nothing of a closed socket, and promises it nowhere',
  },
  {
    file: 'src/upstream/udp-exchange.ts',
    code: 'callback(null, address, isIpv6Address(address) ? 6 : 4);',
    why: 'node:dgram looks at the address alone',
  },
  {
    file: 'src/upstream/url-parameters.ts',
    code: "this.given = query === '' ? []",
    becomes: '["Stryker was here"]',
    why: 'a text in place of a pair has its first letter for a key, and no parameter is called that',
  },
  {
    file: 'src/upstream/url-parameters.ts',
    code: '} catch {',
    why: 'a function that returns nothing returns undefined',
  },
  {
    file: 'src/wire/frame.ts',
    code: 'if (needed <= this.room.length) return;',
    becomes: 'needed < this.room.length',
    why: 'room that is just enough is copied once more, no more than that',
  },
  {
    file: 'src/wire/frame.ts',
    code: 'Math.max(needed, 2 * this.room.length)',
    becomes: '2 / this.room.length',
    why: 'the room is still enough; it grows in smaller steps',
  },
  {
    file: 'src/wire/truncation.ts',
    code: 'return answer.slice(0, fit).filter(',
    becomes: 'answer',
    why: 'what stands behind `fit` is of an RRset that lost a record, and goes with it',
  },
  {
    file: 'src/resolve/cluster-zone.ts',
    code: 'return seen !== undefined && this.options.clock.now() - seen',
    becomes: 'true',
    why: 'for the compiler: a label that was never seen is no younger than anything',
  },
  {
    file: 'src/resolve/cluster-zone.ts',
    code: 'if (this.ask === undefined || !this.isOwn(point)) return false;',
    becomes: 'false',
    why: 'for the compiler: nobody to ask fails like one who does not answer',
  },
  {
    file: 'src/resolve/nodata-repair.ts',
    code: 'if (own !== undefined) this.steps.set(',
    becomes: 'true',
    why: 'for the compiler: nobody looks for what has no name',
  },
  {
    file: 'src/resolve/nodata-repair.ts',
    code: 'return asked !== undefined && now - asked <= STEP_MEMORY;',
    becomes: 'true',
    why: 'for the compiler: what was never asked is no younger than anything',
  },
  {
    file: 'src/resolve/prefetch.ts',
    code: "if (source !== 'cache' || freshAt === undefined) return false;",
    becomes: 'false',
    why: 'for the compiler: an answer of no age is none that comes to its end',
  },
  {
    file: 'src/resolve/readiness.ts',
    code: 'this.timer?.cancel();\n    this.options.onReady();',
    becomes: 'this.timer.cancel',
    why: 'for the compiler: a probe that is answered has set the timer of the next',
  },
  {
    file: 'src/upstream/earliest-timer.ts',
    code: 'if (at >= this.at) return;',
    becomes: 'at > this.at',
    why: 'set anew for the same time it fires at the same time',
  },
  {
    file: 'src/resolve/quiet.ts',
    code: 'return { isOwed: false, since: Number.NEGATIVE_INFINITY, askedAt: 0, usual: undefined };',
    becomes: '{}',
    why: 'the first question writes all that is read',
  },
  {
    file: 'src/resolve/search.ts',
    code: '.then(() => race.onProbed(point !== query.qname))',
    becomes: 'true',
    why: 'who wins says the same: the probe is the question, and both have one answer',
  },
  {
    file: 'src/resolve/search-list.ts',
    code: "const [namespace = '', ...before] =",
    becomes: '"Stryker was here!"',
    why: 'for the compiler: a name below a suffix has a label',
  },
  {
    file: 'src/resolve/search-list.ts',
    code: 'this.zoneSuffixes = zone === undefined ? []',
    becomes: '["Stryker was here"]',
    why: 'no name lies below that suffix',
  },
  {
    file: 'src/resolve/search-list.ts',
    code: 'options.isNamespace ?? (() => false)',
    becomes: '() => undefined',
    why: 'as good as false to who asks',
  },
  {
    file: 'src/resolve/search-list.ts',
    code: 'if (svc !== undefined && parentOf(qname) === svc) {',
    becomes: 'true',
    why: 'for the compiler: no parent is undefined',
  },
  {
    file: 'src/resolve/search-list.ts',
    code: 'return this.zone !== undefined && isAtOrBelow(name, this.zone);',
    becomes: 'true',
    why: 'for the compiler: no name ends in `undefined` without a dot',
  },
  {
    file: 'src/resolve/single-flight.ts',
    code: "const [key = ''] = largest;",
    why: 'for the compiler: where there is no room somebody has a question in flight',
  },
  {
    file: 'src/resolve/single-flight.ts',
    code: 'if (oldest === undefined || (isFair',
    becomes: 'false',
    why: 'for the compiler: where there is no room somebody has a question in flight',
  },
  {
    file: 'src/resolve/speculation.ts',
    code: 'if (last !== undefined && clock.now() - last < ONE_WALK) return;',
    becomes: 'true',
    why: 'for the compiler: what was never begun is no younger than anything',
  },
  {
    file: 'src/resolve/speculation.ts',
    code: "if (zone?.conforms === true && denialKindOf(this.options.list, other) !== 'brief') {",
    becomes: 'zone.conforms',
    why: 'for the compiler: without a zone nothing lies in it',
  },
  {
    file: 'src/resolve/speculation.ts',
    code: 'if (publicTlds.has(tld) || zone === undefined || list.inZone(base)) return true;',
    becomes: 'false',
    why: 'for the compiler: without a zone nobody asks what is absent from it',
  },
  {
    file: 'src/resolve/verdict.ts',
    code: 'if (!answer.some((rr) => rr.type === RrType.CNAME)) return [qname];',
    becomes: 'false',
    why: 'without an alias the walk ends where it begins; this spares it',
  },
  {
    file: 'src/resolve/verdict.ts',
    code: 'if (!answer.some((rr) => rr.type === RrType.CNAME)) return [qname];',
    becomes: 'true',
    why: 'without an alias the walk ends where it begins; this spares it',
  },
  {
    file: 'src/resolve/wildcard-guard.ts',
    code: '() => false,',
    becomes: '() => undefined',
    why: 'as good as false to who asks',
  },
  {
    file: 'src/wire/address.ts',
    code: "const [address = ''] =",
    becomes: '"Stryker was here!"',
    why: 'for the compiler: what is split has a first part',
  },
  {
    file: 'src/wire/address.ts',
    code: "const [head = '', tail = '']",
    becomes: '"Stryker was here!"',
    why: 'for the compiler: what is split has a first part; a second that is wrong is noticed',
  },
  {
    file: 'src/wire/address.ts',
    code: "const [, head = '', ...quad] = match;",
    becomes: '"Stryker was here!"',
    why: 'for the compiler: what matches has all its groups',
  },
  {
    file: 'src/wire/edns.ts',
    code: 'for (let at = opt.rdataAt; at + 4 <= end; ) {',
    becomes: 'at + 4 < end',
    why: 'an option of four octets has no INFO-CODE',
  },
  {
    file: 'src/wire/edns.ts',
    code: 'for (let at = opt.rdataAt; at + 4 <= end; ) {',
    becomes: 'at - 4',
    why: 'an option that begins behind the end does not fit before it',
  },
  {
    file: 'src/wire/message-writer.ts',
    code: 'this.rememberSuffixes(this.qname, this.qname.length - 1, this.at);',
    becomes: 'this.qname.length + 1',
    why: 'the root is remembered too, and never looked for',
  },
  {
    file: 'src/wire/message-writer.ts',
    code: 'while (from < name.length - 1) {',
    becomes: 'from <= name.length - 1',
    why: 'the root is looked for too, and never remembered',
  },
  {
    file: 'src/wire/message-writer.ts',
    code: 'while (from < name.length - 1) {',
    becomes: 'name.length + 1',
    why: 'the root is looked for too, and never remembered',
  },
  {
    file: 'src/wire/message-writer.ts',
    code: 'this.rememberSuffixes(name, name.length - 1, this.at, text);',
    becomes: 'name.length + 1',
    why: 'the root is remembered too, and never looked for',
  },
  {
    file: 'src/wire/message-writer.ts',
    code: 'while (from < until && base + from <= MAX_POINTER) {',
    becomes: 'from <= until',
    why: 'what stands at `until` is known already, or the root, which is never looked for',
  },
  {
    file: 'src/wire/message-writer.ts',
    code: 'if (!this.offsets.has(suffix)) this.offsets.set(',
    becomes: 'true',
    why: 'a later place of the same octets reads the same',
  },
  {
    file: 'src/wire/render.ts',
    code: 'const draft = options.ede === undefined ? full :',
    becomes: 'false',
    why: 'without an EDE to lose the second draft is the first, written again',
  },
  {
    file: 'src/wire/name.ts',
    code: 'if (a.length !== b.length) return false;',
    becomes: 'false',
    why: 'names of different lengths differ at the latest where the shorter one has its root',
  },
  {
    file: 'src/wire/name.ts',
    code: 'for (let i = 0; i < a.length; i++) if (fold(a[i]',
    becomes: 'i <= a.length',
    why: 'behind the end of both there is nothing that differs',
  },
  {
    file: 'src/wire/name.ts',
    code: 'const isAscii = Buffer.byteLength(text) === text.length;',
    becomes: 'false',
    why: 'ASCII that is taken for UTF-8 is what it was; this spares it',
  },
  {
    file: 'src/memory/entry-ring.ts',
    code: 'return this.words[(at >> 2) + RING_WORDS.size] ?? 0;',
    becomes: '(at >> 2) - RING_WORDS.size',
    why: 'the size is the first word: its offset is 0',
  },
  {
    file: 'src/memory/entry-ring.ts',
    code: 'this.words[(at >> 2) + RING_WORDS.size] = size;',
    becomes: '(at >> 2) - RING_WORDS.size',
    why: 'the size is the first word: its offset is 0',
  },
  {
    file: 'src/memory/answer-memory.ts',
    code: 'if (at < 0) return false;',
    becomes: 'false',
    why: 'where there is no entry, its life reads as 0, and no time is before its end',
  },
  {
    file: 'src/memory/kept-records.ts',
    code: 'if (size > room.length) room = new Uint8Array(size);',
    why: 'new room does as well; keeping what is large enough only saves making it',
  },
  {
    file: 'src/memory/kept-records.ts',
    code: 'export const PLAIN_OPT = optRecord({ rcode: 0, dnssecOk: false });',
    becomes: '{}',
    why: 'without a value the RCODE is 0 and DO is not set',
  },
  {
    file: 'src/memory/kept-records.ts',
    code: 'for (let at = 0; at < octets.length - 4; at++) octets[at]',
    becomes: 'at <= octets.length - 4',
    why: 'the type stands before the records, and no name points to it',
  },
  {
    file: 'src/memory/kept-records.ts',
    code: 'for (let at = 0; at < octets.length - 4; at++) octets[at]',
    becomes: 'octets.length + 4',
    why: 'type and class stand before the records, and no name points to them',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'for (let slot = first; slot < first + BUCKET_WORDS; slot += 2) {\n      if (slots[slot] !== hash) continue;\n      const at = slots[slot + 1] ?? 0;\n      if (this.holds',
    becomes: 'slot <= first + BUCKET_WORDS',
    why: 'the next slot is of another bucket, and so of another hash',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'if (slots[slot] !== hash) continue;\n      const at = slots[slot + 1] ?? 0;\n      if (this.holds',
    becomes: 'false',
    why: 'the keys are compared too; this only spares it',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'for (let slot = first; slot < first + BUCKET_WORDS; slot += 2) {\n      if (slots[slot] !== hash) continue;\n      const at = slots[slot + 1] ?? 0;\n      if (!this.holds',
    becomes: 'slot <= first + BUCKET_WORDS',
    why: 'the next slot is of another bucket, and so of another hash',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'if (slots[slot] !== hash) continue;\n      const at = slots[slot + 1] ?? 0;\n      if (!this.holds',
    becomes: 'false',
    why: 'the keys are compared too; this only spares it',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'fresh: (words[tail + TAIL.fresh] ?? 0) >>> 0,',
    becomes: 'tail - TAIL.fresh',
    why: 'it is the first word of the tail: its offset is 0',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'this.words[tail + TAIL.fresh] = Math.min(life.fresh, MAX_SPAN);',
    becomes: 'tail - TAIL.fresh',
    why: 'it is the first word of the tail: its offset is 0',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'for (let i = 0; i < query.wordCount; i++) {\n      this.words[word + FIELDS.key + i]',
    becomes: 'i <= query.wordCount',
    why: 'the word after the key is written later',
  },
  {
    file: 'src/memory/entry-index.ts',
    code: 'if (this.entries < BUCKET_LOAD * buckets ||',
    becomes: 'false',
    why: 'when a bucket is added only decides how much memory is touched',
  },
  {
    file: 'src/memory/entry-index.ts',
    code: 'if (this.entries < BUCKET_LOAD * buckets ||',
    becomes: 'this.entries <= BUCKET_LOAD * buckets',
    why: 'when a bucket is added only decides how much memory is touched',
  },
  {
    file: 'src/memory/entry-index.ts',
    code: 'if (this.entries < BUCKET_LOAD * buckets ||',
    becomes: 'this.entries >= BUCKET_LOAD * buckets',
    why: 'when a bucket is added only decides how much memory is touched',
  },
  {
    file: 'src/memory/entry-index.ts',
    code: 'if (this.entries < BUCKET_LOAD * buckets ||',
    becomes: 'BUCKET_LOAD / buckets',
    why: 'when a bucket is added only decides how much memory is touched',
  },
  {
    file: 'src/memory/entry-index.ts',
    code: 'for (let slot = 0; slot < BUCKET_WORDS; slot += 2) {',
    becomes: 'slot <= BUCKET_WORDS',
    why: 'an entry of the next bucket does not belong to the added one',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'return ((at + (this.words[(at >> 2) + FIELDS.size]',
    becomes: '(at >> 2) - FIELDS.size',
    why: 'the size is the first word: its offset is 0',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'const size = this.words[word + FIELDS.size] ?? 0;',
    becomes: 'word - FIELDS.size',
    why: 'the size is the first word: its offset is 0',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: 'this.words[(to >> 2) + FIELDS.size] = size;',
    becomes: '(to >> 2) - FIELDS.size',
    why: 'the size is the first word: its offset is 0',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: '|| (at < this.border && this.main.hasRoom(size));',
    becomes: 'true',
    why: 'a main queue that gives up an entry has no such room',
  },
  {
    file: 'src/memory/entry-store.ts',
    code: '|| (at < this.border && this.main.hasRoom(size));',
    becomes: 'at <= this.border',
    why: 'a main queue that gives up an entry has no such room',
  },
  {
    file: 'src/memory/replies.ts',
    code: 'for (let kind = 0; kind < this.kindsEnd; kind++) {',
    becomes: 'kind <= this.kindsEnd',
    why: 'no reply was kept with a kind that large, so it was never hit',
  },
  {
    file: 'src/memory/replies.ts',
    code: 'if (at < 0) return;\n    const store = this.parts.found;',
    becomes: 'false',
    why: 'where there is no entry, no records are equal to those of the reply',
  },
  {
    file: 'src/memory/replies.ts',
    code: 'const whole = age === 0 ? recordsOf(',
    becomes: 'false',
    why: 'rendering the message once more gives the same records; this spares it',
  },
  {
    file: 'src/memory/replies.ts',
    code: 'if (packed !== undefined && hasRecords(',
    becomes: 'true',
    why: 'for the compiler: what the memory has was packed before',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'const MAX_KEY_WORDS = Math.ceil(MAX_NAME_OCTETS / 4) + 2;',
    becomes: 'MAX_NAME_OCTETS * 4',
    why: 'more room than a key needs changes nothing',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: '  edns = false;',
    becomes: 'true',
    why: 'each query that is read sets it',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: '  dnssecOk = false;',
    becomes: 'true',
    why: 'each query that is read sets it',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: "private readonly last = { qname: '', qtype: -1, qclass: -1, bits: -1 };",
    why: 'no question has an empty name, so the first one never equals it',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (length < HEADER_OCTETS + 5) return false;',
    becomes: 'false',
    why: 'a shorter query does not end where its question does; this only says so sooner',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (length < HEADER_OCTETS + 5) return false;',
    becomes: 'HEADER_OCTETS - 5',
    why: 'a shorter query does not end where its question does; this only says so sooner',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'const nameEnd = this.readName(octets, at + HEADER_OCTETS, at + length - 4);',
    becomes: 'at + length + 4',
    why: 'what ends behind its query is found by the length',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'return nameEnd !== 0 && this.readRest(',
    becomes: 'true',
    why: 'where there is no name, the length does not fit',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'this.readName(octets, 0, octets.length - 4);',
    becomes: 'octets.length + 4',
    why: 'the question was read before and is well formed',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'const isLast = last.qtype === qtype &&',
    becomes: 'false',
    why: 'to make the key again only takes longer',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (isLast && last.qname === qname) return;',
    becomes: 'false',
    why: 'to make the key again only takes longer',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (length > MAX_LABEL_OCTETS || end + length >= limit) return 0;',
    becomes: 'false',
    why: 'what ends behind its query is found by the length',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (length > MAX_LABEL_OCTETS || end + length >= limit) return 0;',
    becomes: 'end + length > limit',
    why: 'what ends behind its query is found by the length',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (length > MAX_LABEL_OCTETS || end + length >= limit) return 0;',
    becomes: 'end - length',
    why: 'what ends behind its query is found by the length',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (end - from + length >= MAX_NAME_OCTETS) return 0;',
    becomes: 'end - from - length',
    why: 'the root, whose length is 0, comes after every name that is too long',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (octets !== this.octets) this.look(octets);',
    becomes: 'true',
    why: 'a new view of the same octets does as well',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'for (let i = 0; i < whole; i++) words[i] =',
    becomes: 'i <= whole',
    why: 'the next word is written again',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'for (let i = 0; i < count; i++) this.words[i]',
    becomes: 'i <= count',
    why: 'the word behind the key is no part of it',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'for (let i = 0; i < qname.length; i++) {',
    becomes: 'i <= qname.length',
    why: 'what is behind the name is written again',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (octet === BACKSLASH) {',
    becomes: 'true',
    why: 'encodeName makes the same of any name',
  },
  {
    file: 'src/memory/plain-query.ts',
    code: 'if (octet === BACKSLASH) {',
    becomes: 'octet !== BACKSLASH',
    why: 'encodeName makes the same of any name',
  },
  {
    file: 'src/resolve/held-questions.ts',
    code: 'own?.delete(held);',
    why: 'a question is removed once, so its client has a set',
  },
  {
    file: 'src/resolve/held-questions.ts',
    code: 'if (own?.size === 0) this.byClient',
    becomes: 'own.size',
    why: 'the same',
  },
  {
    file: 'src/resolve/lookup-waits.ts',
    code: 'if (this.waits.size === 0) return false;',
    becomes: 'false',
    why: 'nothing is found in an empty map; this spares the key of each question',
  },
  {
    file: 'src/resolve/lookup-waits.ts',
    code: 'at - before.at < NEXT_STEP ? before.names : [];',
    becomes: '["Stryker was here"]',
    why: 'no query has that name, and it goes before any other',
  },
  {
    file: 'src/resolve/held-questions.ts',
    code: 'if (this.byClient.size === 0 || this.isReleasing) return;',
    becomes: 'false',
    why: 'of no clients none is next; this only spares the look',
  },
];

/**
 * Why a mutant survives; `undefined` where nobody has said.
 *
 * @param line - From 1, where the mutated part begins.
 */
export function explanationOf(file: string, line: number, replacement: string): string | undefined {
  const survivor = SURVIVORS.find(
    (each) =>
      each.file === file && (each.becomes ?? replacement) === replacement && lineOf(each) === line,
  );
  return survivor?.why;
}

/** The line, from 1, that a survivor speaks of; 0 where its code does not stand in the file exactly once. */
export function lineOf({ file, code }: Survivor): number {
  const [before = '', ...after] = readFileSync(join(ROOT, file), 'utf8').split(code);
  return after.length === 1 ? before.split('\n').length : 0;
}
