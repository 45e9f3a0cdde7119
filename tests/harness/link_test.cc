#include "tests/harness/link.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/time/time.h"

#include "tests/harness/eventually.h"

namespace waybill::harness {
namespace {

// Answers each byte with the same byte, one connection after the other.
class EchoServer {
 public:
  EchoServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Address(0);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~EchoServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  static sockaddr_in Address(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }

  int port() const { return port_; }

 private:
  void Serve() {
    for (int client = accept(listener_, nullptr, nullptr); client >= 0;
         client = accept(listener_, nullptr, nullptr)) {
      char byte = 0;
      while (read(client, &byte, 1) == 1 && send(client, &byte, 1, MSG_NOSIGNAL) == 1) {
      }
      close(client);
    }
  }

  const int listener_;
  int port_ = 0;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = EchoServer::Address(port);
    connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool Say(const std::string& text) {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  // As many bytes as it asks for, fewer if the connection ends.
  std::string Hear(std::size_t count) {
    std::string text;
    char byte = 0;
    while (text.size() < count && read(socket_, &byte, 1) == 1) {
      text.push_back(byte);
    }
    return text;
  }

 private:
  const int socket_;
};

TEST(LinkTest, CarriesBothWaysAndCounts) {
  EchoServer server;
  Link link;
  link.SetTarget(server.port());
  Client client(link.port());
  ASSERT_TRUE(client.Say("hello"));
  EXPECT_EQ(client.Hear(5), "hello");
  // Counted once they are passed on, which a client may hear of first.
  EXPECT_TRUE(Eventually(absl::Seconds(10),
                         [&] { return testing::AssertionResult(link.bytes_down() == 5); }));
  EXPECT_TRUE(Eventually(absl::Seconds(10),
                         [&] { return testing::AssertionResult(link.bytes_up() == 5); }));
}

TEST(LinkTest, EndsConnectionsWhileItIsCutAndTakesNewOnesWhenItIsHealed) {
  EchoServer server;
  Link link;
  link.SetTarget(server.port());
  Client client(link.port());
  client.Say("a");
  ASSERT_EQ(client.Hear(1), "a");
  link.Cut();
  EXPECT_EQ(client.Hear(1), "");
  EXPECT_EQ(Client(link.port()).Hear(1), "");
  link.Heal();
  Client later(link.port());
  later.Say("b");
  EXPECT_EQ(later.Hear(1), "b");
}

TEST(LinkTest, CutsItselfAfterTheBytesItWasTold) {
  EchoServer server;
  Link link;
  link.SetTarget(server.port());
  link.CutAfter(3);
  Client client(link.port());
  client.Say("abcdef");
  EXPECT_LE(client.Hear(6).size(), 3U);
  EXPECT_EQ(link.bytes_down(), 3);
  EXPECT_TRUE(link.is_cut());
}

TEST(LinkTest, RefusesWhenNobodyIsBehindIt) {
  Link link;
  EXPECT_EQ(Client(link.port()).Hear(1), "");
}

TEST(LinkTest, SlowsWhatGoesDown) {
  EchoServer server;
  Link link;
  link.SetTarget(server.port());
  link.Slow(1000);
  Client client(link.port());
  client.Say(std::string(400, 'x'));
  EXPECT_TRUE(Throughout(absl::Milliseconds(100), [&] {
    return link.bytes_down() < 400 ? testing::AssertionSuccess()
                                   : testing::AssertionFailure() << "all went down at once";
  }));
  EXPECT_EQ(client.Hear(400).size(), 400U);
}

}  // namespace
}  // namespace waybill::harness
