import { test } from 'tap';
import { readUdpSockets, udpSocketsRequest } from '../../../src/net/socket-diag.ts';

/** What Linux answers about port 6767 while one socket is bound to 127.0.0.1 and one to 255.255.255.255 on device 1 (captured). */
const ANSWER = Buffer.from(
  '7c000000140002000100000074690000020700001a6f00007f0000010000000000000000000000000000000000000000000000000000000000000000' +
    '271000000000000000000000000000000000000000000000c4060f00050008000000000008000f00000000000c00150001000000000000000600160050000000' +
    '7c000000140002000100000074690000020700001a6f0000ffffffff0000000000000000000000000000000000000000000000000000000001000000' +
    '281000000000000000000000000000000000000000000000c3060f00050008000000000008000f00000000000c00150001000000000000000600160050000000',
  'hex',
);
const DONE = Buffer.from('1400000003000200010000007469000000000000', 'hex');

test('the sockets on a port, with the device of each', async (t) => {
  t.strictSame(readUdpSockets(ANSWER), {
    sockets: [
      { port: 6767, address: '127.0.0.1', interfaceIndex: 0, inode: 984772 },
      { port: 6767, address: '255.255.255.255', interfaceIndex: 1, inode: 984771 },
    ],
    last: false,
  });
  t.strictSame(readUdpSockets(DONE), { sockets: [], last: true });
});

test('a refusal and what cannot be read', async (t) => {
  const refused = Buffer.from(DONE);
  refused.writeUInt16LE(2, 4);
  t.equal(readUdpSockets(refused), undefined, 'NLMSG_ERROR');
  t.equal(readUdpSockets(ANSWER.subarray(0, 100)), undefined, 'cut');
  t.equal(readUdpSockets(Buffer.alloc(16)), undefined, 'a length of nothing');
});

test('the question', async (t) => {
  const bytes = udpSocketsRequest(67);
  t.equal(bytes.length, 72);
  t.equal(bytes.readUInt32LE(0), 72, 'it tells its own length');
  t.equal(bytes.readUInt16BE(24), 67, 'only this port');
});
