import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** InetAddress.getAllByName: the libc's getaddrinfo, with a cache of its own in front. Names are trusted. */
class Lookup {
  public static void main(String[] names) {
    for (String name : names) {
      long started = System.nanoTime();
      String addresses = "", error = "";
      try {
        addresses = Arrays.stream(InetAddress.getAllByName(name))
            .map(each -> '"' + each.getHostAddress() + '"')
            .collect(Collectors.joining(","));
      } catch (UnknownHostException failure) {
        error = failure.getMessage();
      }
      double ms = (System.nanoTime() - started) / 1e6;
      System.out.printf("{\"name\":\"%s\",\"ms\":%.3f,\"addresses\":[%s],\"error\":\"%s\"}%n", name, ms, addresses, error);
    }
  }
}
