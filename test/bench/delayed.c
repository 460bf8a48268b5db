/*
 * An upstream some milliseconds away: answers every question for A with one address, each DELAY after it came.
 *
 * Usage: delayed PORT DELAY_MICROSECONDS
 *
 * Other types get NOERROR without records. It takes and sends many datagrams in one system call, so that it is never what
 * is measured.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define OCTETS 512
/* More than clients have out at once. */
#define WAITING 16384

static struct { uint64_t due; struct sockaddr_in to; size_t length; unsigned char octets[OCTETS]; } waiting[WAITING];
static unsigned first, end;
static unsigned char slots[BATCH][OCTETS];
static struct sockaddr_in names[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr headers[BATCH];

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Octets of the answer, written over the question; 0 for what is none. */
static size_t answer(unsigned char *octets, size_t length) {
  static const unsigned char record[12] = {0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4};
  size_t at = 12;
  while (at < length && octets[at] != 0) at += 1u + octets[at];
  at += 5;
  if (at > length || at + 16 > OCTETS) return 0;
  int is_a = octets[at - 4] == 0 && octets[at - 3] == 1;
  octets[2] |= 0x80, octets[3] = 0x80;
  memset(octets + 6, 0, 6);
  if (!is_a) return at;
  octets[7] = 1;
  memcpy(octets + at, record, 12);
  memcpy(octets + at + 12, "\300\0\2\1", 4);
  return at + 16;
}

static void take(int fd, uint64_t delay) {
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){slots[i], OCTETS};
    headers[i].msg_hdr = (struct msghdr){.msg_name = &names[i], .msg_namelen = sizeof names[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
  uint64_t due = now() + delay;
  for (int i = 0; i < count && end - first < WAITING; i++) {
    size_t length = answer(slots[i], headers[i].msg_len);
    if (length == 0) continue;
    unsigned at = end++ % WAITING;
    waiting[at].due = due, waiting[at].to = names[i], waiting[at].length = length;
    memcpy(waiting[at].octets, slots[i], length);
  }
}

static void give(int fd) {
  uint64_t at = now();
  unsigned count = 0;
  for (; count < BATCH && first + count != end && waiting[(first + count) % WAITING].due <= at; count++) {
    unsigned i = (first + count) % WAITING;
    vectors[count] = (struct iovec){waiting[i].octets, waiting[i].length};
    headers[count].msg_hdr = (struct msghdr){.msg_name = &waiting[i].to, .msg_namelen = sizeof waiting[i].to, .msg_iov = &vectors[count], .msg_iovlen = 1};
  }
  for (unsigned sent = 0; sent < count;) {
    int more = sendmmsg(fd, headers + sent, count - sent, 0);
    sent += more > 0 ? (unsigned)more : 1;
  }
  first += count;
}

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  uint64_t delay = (uint64_t)atoi(argv[2]) * 1000;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int room = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  /* 50 us late without it. */
  prctl(PR_SET_TIMERSLACK, 1);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) return perror("bind"), 1;
  for (;;) {
    uint64_t at = now(), due = first == end ? at + 999999999 : waiting[first % WAITING].due;
    struct pollfd polled = {fd, POLLIN, 0};
    struct timespec left = {0, due > at ? (long)(due - at) : 0};
    ppoll(&polled, 1, &left, NULL);
    take(fd, delay);
    give(fd);
  }
}
