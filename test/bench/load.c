/*
 * A closed loop of DNS queries over UDP: WINDOW of them are out at any time, each reply makes room for the next.
 *
 * Usage: load ADDRESS PORT SECONDS WINDOW NAMES ZONE EDNS(0|1) PER_SECOND(0: as fast as it goes) once|random
 *
 * Asks A of n0.ZONE to n<NAMES-1>.ZONE, each once or in random order until the time is over, and prints one line of
 * JSON. A reply counts when its ID is out;
 * what has no answer after a second of silence is lost. Latencies are those between the system calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define OCTETS 2048
/* Microseconds, the last bucket takes the rest. */
#define BUCKETS 20000

static unsigned char out[BATCH][512], in[BATCH][OCTETS];
static struct iovec out_vectors[BATCH], in_vectors[BATCH];
static struct mmsghdr out_headers[BATCH], in_headers[BATCH];
static uint64_t asked_at[65536];
static unsigned char is_out[65536];
static uint64_t buckets[BUCKETS + 1];
static unsigned char zone[256];
static int zone_length, edns;
static uint64_t state = 88172645463325252ull;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void read_zone(const char *text) {
  while (*text) {
    int length = (int)strcspn(text, ".");
    zone[zone_length++] = (unsigned char)length;
    memcpy(zone + zone_length, text, (size_t)length);
    zone_length += length;
    text += length + (text[length] == '.');
  }
  zone[zone_length++] = 0;
}

static int build(unsigned char *q, unsigned id, unsigned name) {
  static const unsigned char opt[11] = {0, 0, 41, 4, 208};
  unsigned char *at = q + 12;
  memset(q, 0, 12);
  q[0] = (unsigned char)(id >> 8), q[1] = (unsigned char)id, q[2] = 1, q[5] = 1, q[11] = (unsigned char)edns;
  int length = sprintf((char *)at + 1, "n%u", name);
  *at = (unsigned char)length;
  at += 1 + length;
  memcpy(at, zone, (size_t)zone_length);
  at += zone_length;
  *at++ = 0, *at++ = 1, *at++ = 0, *at++ = 1;
  if (edns) memcpy(at, opt, 11), at += 11;
  return (int)(at - q);
}

static double percentile(uint64_t count, double share) {
  uint64_t seen = 0;
  for (int i = 0; i <= BUCKETS; i++) {
    seen += buckets[i];
    if ((double)seen >= share * (double)count) return i;
  }
  return BUCKETS;
}

int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *server;
  if (argc != 10 || getaddrinfo(argv[1], argv[2], &hints, &server) != 0) return 64;
  double seconds = atof(argv[3]), rate = atof(argv[8]);
  unsigned window = (unsigned)atoi(argv[4]), names = (unsigned)atoi(argv[5]);
  int once = strcmp(argv[9], "once") == 0;
  read_zone(argv[6]);
  edns = atoi(argv[7]);
  int fd = socket(server->ai_family, SOCK_DGRAM, 0);
  int room = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  struct timeval patience = {0, rate > 0 ? 1000 : 200000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, server->ai_addr, server->ai_addrlen) != 0) return perror("connect"), 1;
  for (int i = 0; i < BATCH; i++) {
    out_vectors[i].iov_base = out[i];
    in_vectors[i] = (struct iovec){in[i], OCTETS};
    out_headers[i].msg_hdr.msg_iov = &out_vectors[i];
    in_headers[i].msg_hdr.msg_iov = &in_vectors[i];
    out_headers[i].msg_hdr.msg_iovlen = in_headers[i].msg_hdr.msg_iovlen = 1;
  }
  uint64_t started = now(), end = started + (uint64_t)(seconds * 1e9), last = started;
  uint64_t sent = 0, received = 0, lost = 0, failures = 0;
  unsigned waiting = 0, id = 0;
  for (;;) {
    uint64_t at = now();
    if (at >= end || (once && sent >= names && waiting == 0)) break;
    unsigned due = window > waiting ? window - waiting : 0;
    if (rate > 0) {
      uint64_t allowed = (uint64_t)((double)(at - started) / 1e9 * rate);
      if (allowed - sent < due) due = (unsigned)(allowed - sent);
    }
    if (once && due > names - sent) due = (unsigned)(names - sent);
    unsigned count = due > BATCH ? BATCH : due;
    for (unsigned i = 0; i < count; i++) {
      while (is_out[id & 0xffff]) id++;
      out_vectors[i].iov_len = (size_t)build(out[i], id & 0xffff, once ? (unsigned)sent + i : (unsigned)(next_random() % names));
      is_out[id & 0xffff] = 1;
      asked_at[id++ & 0xffff] = at;
    }
    for (unsigned done = 0; done < count;) {
      int more = sendmmsg(fd, out_headers + done, count - done, 0);
      if (more > 0) done += (unsigned)more;
    }
    sent += count, waiting += count;
    int got = recvmmsg(fd, in_headers, BATCH, MSG_WAITFORONE, NULL);
    at = now();
    if (got <= 0) {
      if (at - last > 1000000000ull) {
        lost += waiting, waiting = 0, last = at;
        memset(is_out, 0, sizeof is_out);
      }
      continue;
    }
    last = at;
    for (int i = 0; i < got; i++) {
      unsigned reply = (unsigned)(in[i][0] << 8 | in[i][1]);
      if (!is_out[reply]) continue;
      is_out[reply] = 0;
      waiting--, received++;
      if ((in[i][3] & 15) != 0) failures++;
      uint64_t microseconds = (at - asked_at[reply]) / 1000;
      buckets[microseconds < BUCKETS ? microseconds : BUCKETS]++;
    }
  }
  double took = (double)(now() - started) / 1e9;
  printf("{\"perSecond\":%.0f,\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"failures\":%lu,\"p50\":%.0f,\"p99\":%.0f}\n",
         (double)received / took, sent, received, lost, failures, percentile(received, 0.5), percentile(received, 0.99));
}
