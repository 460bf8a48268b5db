/*
 * c-ares with its own search list: ares_getaddrinfo, which curl and other programs are built on. One channel for all names,
 * as a program that runs for long has it: it comes to know how fast its server is.
 *
 * usage: c-ares NAME...
 *
 * A JSON line per name, as client.c writes them. Names are trusted.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/select.h>
#include <time.h>

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static const void *address_of(const struct ares_addrinfo_node *node) {
  if (node->ai_family == AF_INET) return &((const struct sockaddr_in *)node->ai_addr)->sin_addr;
  return &((const struct sockaddr_in6 *)node->ai_addr)->sin6_addr;
}

static const char *asked;
static double asked_at;

static void on_found(void *unused, int status, int timeouts, struct ares_addrinfo *found) {
  double ms = now_ms() - asked_at;
  char text[INET6_ADDRSTRLEN];
  const char *separator = "";
  (void)unused;
  (void)timeouts;
  printf("{\"name\":\"%s\",\"error\":\"%s\",\"ms\":%.3f,\"addresses\":[", asked,
         status == ARES_SUCCESS ? "" : ares_strerror(status), ms);
  for (struct ares_addrinfo_node *node = found == NULL ? NULL : found->nodes; node != NULL; node = node->ai_next) {
    if (ares_inet_ntop(node->ai_family, address_of(node), text, sizeof text) == NULL) continue;
    printf("%s\"%s\"", separator, text);
    separator = ",";
  }
  puts("]}");
  fflush(stdout);
  if (found != NULL) ares_freeaddrinfo(found);
}

/* Until nothing is asked any more. */
static void wait_for_all(ares_channel channel) {
  for (;;) {
    fd_set readable, writable;
    struct timeval until;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    int count = ares_fds(channel, &readable, &writable);
    if (count == 0) return;
    select(count, &readable, &writable, NULL, ares_timeout(channel, NULL, &until));
    ares_process(channel, &readable, &writable);
  }
}

int main(int argc, char **argv) {
  struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  ares_channel channel;
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS || ares_init(&channel) != ARES_SUCCESS) return 1;
  for (int i = 1; i < argc; i++) {
    asked = argv[i];
    asked_at = now_ms();
    ares_getaddrinfo(channel, asked, NULL, &hints, on_found, NULL);
    wait_for_all(channel);
  }
  ares_destroy(channel);
  ares_library_cleanup();
  return 0;
}
