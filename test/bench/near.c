/*
 * A cluster's DNS so far away: answers each question for its cluster, and for the world outside, DELAY after it came.
 *
 * Usage: near ADDRESS DELAY_MICROSECONDS
 *
 * At each line on standard input it prints how many questions it was asked so far. Below cluster.local there are services
 * `web*` in the namespace `job`, `api*` in `prod` and `kubernetes` in `default`, with A only; outside there is every
 * `*.example.TLD`, with both families. Everything else is denied with the SOA of the zone it would be in, as CoreDNS does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OCTETS 512
#define WAITING 4096
#define ZONE "cluster.local"

static struct { uint64_t due; struct sockaddr_in to; size_t length; unsigned char octets[OCTETS]; } waiting[WAITING];
static unsigned first, end;

enum { DENIED, EMPTY, IPV4, BOTH };

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int ends(const char *name, const char *suffix) {
  size_t length = strlen(name), tail = strlen(suffix);
  return length >= tail && strcasecmp(name + length - tail, suffix) == 0 && (length == tail || name[length - tail - 1] == '.');
}

/* One label in front of the suffix, which begins like this. */
static int is_service(const char *name, const char *begin, const char *suffix) {
  const char *dot = strchr(name, '.');
  return strncasecmp(name, begin, strlen(begin)) == 0 && dot != NULL && strcasecmp(dot + 1, suffix) == 0;
}

/* What there is of a name, and the zone that says so. */
static int look_up(const char *name, const char **zone) {
  static const char *const nodes[] = {ZONE, "svc." ZONE, "job.svc." ZONE, "prod.svc." ZONE, "default.svc." ZONE};
  *zone = ends(name, ZONE) ? ZONE : ends(name, "corp.example") ? "corp.example" : "";
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) if (strcasecmp(name, nodes[i]) == 0) return EMPTY;
  if (is_service(name, "web", "job.svc." ZONE) || is_service(name, "api", "prod.svc." ZONE)) return IPV4;
  if (is_service(name, "kubernetes", "default.svc." ZONE)) return IPV4;
  if (**zone != '\0') return DENIED;
  const char *dot = strchr(name, '.');
  return dot != NULL && strncasecmp(dot + 1, "example.", 8) == 0 ? BOTH : DENIED;
}

/* Writes a name without compression. @returns Where it ends. */
static unsigned char *put_name(unsigned char *at, const char *name) {
  while (*name != '\0') {
    size_t length = strcspn(name, ".");
    *at++ = (unsigned char)length;
    memcpy(at, name, length);
    at += length, name += length + (name[length] == '.');
  }
  *at++ = 0;
  return at;
}

static unsigned char *put_soa(unsigned char *at, const char *zone) {
  static const unsigned char head[] = {0, 6, 0, 1, 0, 0, 0, 30}, numbers[20] = {0, 0, 0, 1, 0, 0, 28, 32, 0, 0, 7, 8, 0, 1, 81, 128, 0, 0, 0, 30};
  at = put_name(at, zone);
  memcpy(at, head, sizeof head);
  unsigned char *length = at + sizeof head, *rdata = length + 2;
  at = put_name(rdata, "ns.dns.cluster.local");
  at = put_name(at, "hostmaster.cluster.local");
  memcpy(at, numbers, sizeof numbers);
  at += sizeof numbers;
  length[0] = 0, length[1] = (unsigned char)(at - rdata);
  return at;
}

static unsigned char *put_address(unsigned char *at, int is_a) {
  static const unsigned char a[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1};
  static const unsigned char aaaa[] = {0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 30, 0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  memcpy(at, is_a ? a : aaaa, is_a ? sizeof a : sizeof aaaa);
  return at + (is_a ? sizeof a : sizeof aaaa);
}

/* Octets of the answer, written over the question; 0 for what is none. */
static size_t answer(unsigned char *octets, size_t length) {
  char name[256] = "";
  size_t at = 12, used = 0;
  while (at < length && octets[at] != 0 && used + octets[at] + 2 < sizeof name && at + 1u + octets[at] < length) {
    if (used > 0) name[used++] = '.';
    memcpy(name + used, octets + at + 1, octets[at]);
    used += octets[at];
    at += 1u + octets[at];
  }
  name[used] = '\0';
  if (at + 5 > length) return 0;
  int is_a = octets[at + 1] == 0 && octets[at + 2] == 1, is_aaaa = octets[at + 1] == 0 && octets[at + 2] == 28;
  const char *zone;
  int found = look_up(name, &zone);
  octets[2] |= 0x80, octets[3] = found == DENIED ? 0x83 : 0x80;
  memset(octets + 6, 0, 6);
  unsigned char *tail = octets + at + 5;
  if ((is_a && found >= IPV4) || (is_aaaa && found == BOTH)) {
    octets[7] = 1;
    return (size_t)(put_address(tail, is_a) - octets);
  }
  octets[9] = 1;
  return (size_t)(put_soa(tail, zone) - octets);
}

static void take(int fd, uint64_t delay) {
  for (;;) {
    unsigned at = end % WAITING;
    socklen_t size = sizeof waiting[at].to;
    ssize_t got = recvfrom(fd, waiting[at].octets, OCTETS - 128, MSG_DONTWAIT, (struct sockaddr *)&waiting[at].to, &size);
    if (got < 0 || end - first >= WAITING) return;
    waiting[at].due = now() + delay;
    waiting[at].length = answer(waiting[at].octets, (size_t)got);
    if (waiting[at].length > 0) end++;
  }
}

static void give(int fd) {
  for (; first != end && waiting[first % WAITING].due <= now(); first++) {
    unsigned at = first % WAITING;
    sendto(fd, waiting[at].octets, waiting[at].length, 0, (struct sockaddr *)&waiting[at].to, sizeof waiting[at].to);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(53)};
  if (inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) return 64;
  uint64_t delay = (uint64_t)atoi(argv[2]) * 1000;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  /* 50 us late without it. */
  prctl(PR_SET_TIMERSLACK, 1);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) return perror("bind"), 1;
  puts("ready");
  for (;;) {
    fflush(stdout);
    uint64_t at = now(), due = first == end ? at + 999999999 : waiting[first % WAITING].due;
    struct pollfd polled[] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    struct timespec left = {0, due > at ? (long)(due - at) : 0};
    ppoll(polled, 2, &left, NULL);
    take(fd, delay);
    give(fd);
    char line[16];
    if (polled[1].revents == 0) continue;
    if (read(STDIN_FILENO, line, sizeof line) <= 0) return 0;
    printf("%u\n", end);
  }
}
