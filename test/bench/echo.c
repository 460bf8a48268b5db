/* The machine's limit: each datagram goes back as it came, QR set, 64 to a system call. Usage: echo ADDRESS PORT */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define OCTETS 2048

static char slots[BATCH][OCTETS];
static struct sockaddr_storage names[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr headers[BATCH];

int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE}, *own;
  if (argc != 3 || getaddrinfo(argv[1], argv[2], &hints, &own) != 0) return 64;
  int fd = socket(own->ai_family, SOCK_DGRAM, 0);
  int room = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (bind(fd, own->ai_addr, own->ai_addrlen) != 0) return perror("bind"), 1;
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){slots[i], OCTETS};
      memset(&headers[i], 0, sizeof headers[i]);
      headers[i].msg_hdr.msg_name = &names[i];
      headers[i].msg_hdr.msg_namelen = sizeof names[i];
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(fd, headers, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < count; i++) {
      vectors[i].iov_len = headers[i].msg_len;
      slots[i][2] |= (char)0x80;
    }
    for (int sent = 0; sent < count;) {
      int more = sendmmsg(fd, headers + sent, count - sent, 0);
      sent += more > 0 ? more : 1;
    }
  }
}
