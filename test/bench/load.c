/*
 * DNS queries in a closed loop: so many are out at any time, each reply makes room for the next; or so many a second.
 * At the beginning a reply makes room for two: a burst would only measure the socket buffer.
 *
 * Usage: load --address=A --port=P --seconds=S --window=N --names=N --zone=ZONE
 *             [--first=N] [--once] [--edns] [--rate=N] [--denied=ZONE --share=PERCENT] [--tcp]
 *
 * Asks A of NAMES names from n<FIRST>.ZONE on, each once or in random order until the time is over; so much of a hundred
 * below the denied zone, or with --once each name below both. Over UDP, or over one TCP connection. A rate comes at random
 * moments (a Poisson process), as from many clients. Prints one line of JSON. A reply counts when its ID is out; what has
 * no answer after a second is lost, with --once only in a second of silence. Latencies are those between the system calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define OCTETS 2048
/* Microseconds, the last bucket takes the rest. */
#define BUCKETS 20000
/* Nanoseconds after which a query is lost, and between two looks for such. */
#define LOST_AFTER 1000000000ull
#define LOOK 100000000ull
/* Of a stream: more than the answers to a window. */
#define STREAM 262144

enum { ADDRESS, PORT, SECONDS, WINDOW, NAMES, ZONE, FIRST, ONCE, EDNS, RATE, DENIED, SHARE, TCP, OPTIONS };

static const struct option names_of_options[] = {
    {"address", 1, 0, ADDRESS}, {"port", 1, 0, PORT}, {"seconds", 1, 0, SECONDS}, {"window", 1, 0, WINDOW},
    {"names", 1, 0, NAMES}, {"zone", 1, 0, ZONE}, {"first", 1, 0, FIRST}, {"once", 0, 0, ONCE}, {"edns", 0, 0, EDNS},
    {"rate", 1, 0, RATE}, {"denied", 1, 0, DENIED}, {"share", 1, 0, SHARE}, {"tcp", 0, 0, TCP}, {0, 0, 0, 0}};

struct zone {
  unsigned char octets[256];
  int length;
};

static const char *given[OPTIONS];
static struct zone zone, denied;
static unsigned names, first, share;
static int once, edns, over_tcp, fd;
static double rate;

/* In two octets before each its length, which only a stream has. */
static unsigned char out[BATCH][2 + 512], in[BATCH][OCTETS], stream[STREAM];
static size_t in_stream;
static struct iovec out_vectors[BATCH], in_vectors[BATCH];
static struct mmsghdr out_headers[BATCH], in_headers[BATCH];

static uint64_t asked_at[65536];
static unsigned char is_out[65536];
static uint64_t buckets[BUCKETS + 1];
static uint64_t sent, received, lost, failures, denials;
static unsigned waiting, id;
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

/* Nanoseconds to the next query of a rate. */
static uint64_t next_gap(void) { return (uint64_t)(-log((double)(next_random() >> 11 | 1) / 9007199254740992.0) / rate * 1e9); }

static struct zone read_zone(const char *text) {
  struct zone read = {.length = 0};
  while (*text) {
    int length = (int)strcspn(text, ".");
    read.octets[read.length++] = (unsigned char)length;
    memcpy(read.octets + read.length, text, (size_t)length);
    read.length += length;
    text += length + (text[length] == '.');
  }
  read.octets[read.length++] = 0;
  return read;
}

static int build(unsigned char *q, unsigned name, const struct zone *below) {
  static const unsigned char opt[11] = {0, 0, 41, 4, 208};
  unsigned char *at = q + 12;
  memset(q, 0, 12);
  q[0] = (unsigned char)(id >> 8), q[1] = (unsigned char)id, q[2] = 1, q[5] = 1, q[11] = (unsigned char)edns;
  int length = sprintf((char *)at + 1, "n%u", name);
  *at = (unsigned char)length;
  at += 1 + length;
  memcpy(at, below->octets, (size_t)below->length);
  at += below->length;
  *at++ = 0, *at++ = 1, *at++ = 0, *at++ = 1;
  if (edns) memcpy(at, opt, 11), at += 11;
  return (int)(at - q);
}

/* Makes the query with the place `i` in the next batch. */
static void ask(unsigned i, uint64_t at) {
  while (is_out[id & 0xffff]) id++;
  id &= 0xffff;
  uint64_t number = once ? sent + i : next_random() % names;
  int is_denied = once ? number >= names : next_random() % 100 < share;
  int length = build(out[i] + 2, first + (unsigned)(number % names), is_denied ? &denied : &zone);
  out[i][0] = (unsigned char)(length >> 8), out[i][1] = (unsigned char)length;
  out_vectors[i] = (struct iovec){over_tcp ? out[i] : out[i] + 2, (size_t)(over_tcp ? length + 2 : length)};
  is_out[id] = 1;
  asked_at[id++] = at;
}

static void send_batch(unsigned count) {
  if (over_tcp) {
    /* A window of queries is far less than what a socket takes: it never blocks half way. */
    if (count > 0 && writev(fd, out_vectors, (int)count) < 0) perror("write"), exit(1);
    return;
  }
  for (unsigned done = 0; done < count;) {
    int more = sendmmsg(fd, out_headers + done, count - done, 0);
    if (more > 0) done += (unsigned)more;
  }
}

static void take(const unsigned char *reply, uint64_t at) {
  unsigned number = (unsigned)(reply[0] << 8 | reply[1]);
  if (!is_out[number]) return;
  is_out[number] = 0;
  waiting--, received++;
  int rcode = reply[3] & 15;
  if (rcode == 3) denials++;
  else if (rcode != 0) failures++;
  uint64_t microseconds = (at - asked_at[number]) / 1000;
  buckets[microseconds < BUCKETS ? microseconds : BUCKETS]++;
}

static int receive_datagrams(void) {
  int got = recvmmsg(fd, in_headers, BATCH, MSG_WAITFORONE, NULL);
  uint64_t at = now();
  for (int i = 0; i < got; i++) take(in[i], at);
  return got > 0;
}

static int receive_stream(void) {
  ssize_t got = recv(fd, stream + in_stream, STREAM - in_stream, 0);
  if (got == 0) fputs("the server closed the connection\n", stderr), exit(1);
  if (got < 0) return 0;
  in_stream += (size_t)got;
  uint64_t at = now();
  size_t done = 0;
  while (in_stream - done >= 2) {
    size_t length = (size_t)(stream[done] << 8 | stream[done + 1]);
    if (in_stream - done - 2 < length) break;
    take(stream + done + 2, at);
    done += 2 + length;
  }
  in_stream -= done;
  memmove(stream, stream + done, in_stream);
  return 1;
}

/* Waits for a reply, with a rate no longer than to the next query. */
static int receive(uint64_t due_at) {
  if (rate > 0) {
    uint64_t at = now(), left = due_at > at ? due_at - at : 0;
    struct timespec patience = {(time_t)(left / 1000000000ull), (long)(left % 1000000000ull)};
    struct pollfd readable = {fd, POLLIN, 0};
    if (ppoll(&readable, 1, &patience, NULL) <= 0) return 0;
  }
  return over_tcp ? receive_stream() : receive_datagrams();
}

/* What is lost would keep its place in the window for ever. */
static void give_up(uint64_t at) {
  for (unsigned i = 0; i < 65536; i++)
    if (is_out[i] && at > asked_at[i] + LOST_AFTER) is_out[i] = 0, waiting--, lost++;
}

static double percentile(double part) {
  uint64_t seen = 0;
  for (int i = 0; i <= BUCKETS; i++) {
    seen += buckets[i];
    if ((double)seen >= part * (double)received) return i;
  }
  return BUCKETS;
}

/* Seconds in which others had the core, as the scheduler tells them. */
static double waited(void) {
  FILE *file = fopen("/proc/self/schedstat", "r");
  unsigned long long ran = 0, wait = 0;
  if (file && fscanf(file, "%llu %llu", &ran, &wait) != 2) wait = 0;
  if (file) fclose(file);
  return (double)wait / 1e9;
}

static double number(int option) { return given[option] ? atof(given[option]) : 0; }

static int read_options(int argc, char **argv) {
  for (int option; (option = getopt_long(argc, argv, "", names_of_options, NULL)) != -1;) {
    if (option < 0 || option >= OPTIONS) return 0;
    given[option] = optarg ? optarg : "1";
  }
  for (int option = ADDRESS; option <= ZONE; option++)
    if (!given[option]) return 0;
  names = (unsigned)number(NAMES), first = (unsigned)number(FIRST), share = (unsigned)number(SHARE);
  once = given[ONCE] != NULL, edns = given[EDNS] != NULL, over_tcp = given[TCP] != NULL, rate = number(RATE);
  zone = read_zone(given[ZONE]);
  if (given[DENIED]) denied = read_zone(given[DENIED]);
  return names > 0;
}

static int connect_socket(void) {
  struct addrinfo hints = {.ai_socktype = over_tcp ? SOCK_STREAM : SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *server;
  if (getaddrinfo(given[ADDRESS], given[PORT], &hints, &server) != 0) return 0;
  int room = 4 << 20, yes = 1;
  struct timeval patience = {0, 200000};
  fd = socket(server->ai_family, server->ai_socktype, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (over_tcp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return connect(fd, server->ai_addr, server->ai_addrlen) == 0;
}

int main(int argc, char **argv) {
  if (!read_options(argc, argv)) return 64;
  if (!connect_socket()) return perror("connect"), 1;
  /* The slack of a timer is 50 us: half of the time between two queries of 10,000 a second. */
  prctl(PR_SET_TIMERSLACK, 1ul);
  for (int i = 0; i < BATCH; i++) {
    in_vectors[i] = (struct iovec){in[i], OCTETS};
    out_headers[i].msg_hdr.msg_iov = &out_vectors[i];
    in_headers[i].msg_hdr.msg_iov = &in_vectors[i];
    out_headers[i].msg_hdr.msg_iovlen = in_headers[i].msg_hdr.msg_iovlen = 1;
  }
  double waited_before = waited();
  uint64_t total = once ? (given[DENIED] ? 2ull : 1ull) * names : UINT64_MAX;
  uint64_t started = now(), end = started + (uint64_t)(number(SECONDS) * 1e9), last = started, looked = started, due_at = started;
  unsigned window = (unsigned)number(WINDOW);
  for (;;) {
    uint64_t at = now();
    if (at >= end || (sent >= total && waiting == 0)) break;
    unsigned open = received + BATCH < window ? (unsigned)received + BATCH : window;
    unsigned room = open > waiting ? open - waiting : 0, count = 0;
    while (count < room && count < BATCH && sent + count < total && due_at <= at) {
      ask(count++, at);
      if (rate > 0) due_at += next_gap();
    }
    send_batch(count);
    sent += count, waiting += count;
    if (receive(due_at)) last = now();
    if (at > looked + LOOK) {
      looked = at;
      if (!once || at > last + LOST_AFTER) give_up(at);
    }
  }
  double took = (double)(now() - started) / 1e9;
  printf("{\"seconds\":%.6f,\"waited\":%.6f,\"perSecond\":%.0f,\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"failures\":%lu,\"denials\":%lu,\"p50\":%.0f,\"p99\":%.0f}\n",
         took, waited() - waited_before, (double)received / took, sent, received, lost, failures, denials, percentile(0.5), percentile(0.99));
}
