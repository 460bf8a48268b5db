/*
 * Looks names up as a job's programs do: getaddrinfo, both families, one process.
 *
 * usage: client NAME...    looks each up in turn
 *        client            reads names from standard input, one a line, until it ends
 *
 * With LOOKUP_PAUSE_MS in its environment it waits so many milliseconds between two names.
 *
 * One JSON line per name on standard output:
 *   {"name":"...","rc":0,"error":"","at":12.345,"ms":1.234,"addresses":["192.0.2.1"]}
 * `rc` is getaddrinfo's return value and `error` its text; `at` is CLOCK_MONOTONIC in milliseconds, which all network
 * namespaces of a machine share.
 *
 * Names are trusted: the lab writes them, and they hold nothing that JSON would have to escape.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static const void *address_of(const struct addrinfo *info) {
  if (info->ai_family == AF_INET) return &((const struct sockaddr_in *)info->ai_addr)->sin_addr;
  return &((const struct sockaddr_in6 *)info->ai_addr)->sin6_addr;
}

static void print_addresses(const struct addrinfo *info) {
  char text[INET6_ADDRSTRLEN];
  const char *separator = "";
  for (; info != NULL; info = info->ai_next) {
    if (inet_ntop(info->ai_family, address_of(info), text, sizeof text) == NULL) continue;
    printf("%s\"%s\"", separator, text);
    separator = ",";
  }
}

static void look_up(const char *name) {
  /* SOCK_STREAM, or each address would come once per socket type. */
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  double at = now_ms();
  int rc = getaddrinfo(name, NULL, &hints, &found);
  double ms = now_ms() - at;
  printf("{\"name\":\"%s\",\"rc\":%d,\"error\":\"%s\",\"at\":%.3f,\"ms\":%.3f,\"addresses\":[", name, rc,
         rc == 0 ? "" : gai_strerror(rc), at, ms);
  print_addresses(found);
  puts("]}");
  fflush(stdout);
  if (rc == 0) freeaddrinfo(found);
}

int main(int argc, char **argv) {
  char line[1024];
  const char *pause = getenv("LOOKUP_PAUSE_MS");
  for (int i = 1; i < argc; i++) {
    if (i > 1 && pause != NULL) usleep(atoi(pause) * 1000);
    look_up(argv[i]);
  }
  while (argc == 1 && fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] != '\0') look_up(line);
  }
  return 0;
}
