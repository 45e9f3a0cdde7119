#ifndef WAYBILL_SERVICES_PCM_TEST_HTTP_SERVER_H_
#define WAYBILL_SERVICES_PCM_TEST_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "common/thread/mutex.h"
#include "services/pcm/package_source.h"

namespace waybill::pcm {

/// A socket that listens on a free port of the loopback, and its address. Whoever makes it closes
/// it.
struct LoopbackListener {
  explicit LoopbackListener(int waiting_max) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket, generic(), size), 0);
    EXPECT_EQ(listen(socket, waiting_max), 0);
    EXPECT_EQ(getsockname(socket, generic(), &size), 0);
  }

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address); }
  std::string url() const { return absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port)); }

  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
};

/// A web server on the loopback that does what a test says, also what none should. Each connection
/// has a thread.
class TestHttpServer {
 public:
  struct Request {
    std::string path;
    std::optional<ByteRange> range;
  };

  class Connection {
   public:
    explicit Connection(int socket) : socket_(socket) {}

    /// False once the other side is gone.
    bool Send(absl::string_view bytes) const {
      while (!bytes.empty()) {
        const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return true;
    }

    bool SendAnswer(absl::string_view status, absl::string_view body,
                    absl::string_view headers = "") const {
      return Send(absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Length: ", body.size(), "\r\n",
                               headers, "\r\n", body));
    }

    /// Returns when the other side is gone, or the server ends.
    void AwaitEnd() const {
      char byte = 0;
      while (recv(socket_, &byte, 1, 0) > 0) {
      }
    }

   private:
    friend class TestHttpServer;
    const int socket_;
    std::string unread_;
  };

  /// Answers one request; false closes the connection.
  using Handler = std::function<bool(const Request&, const Connection&)>;

  explicit TestHttpServer(Handler handler) : handler_(std::move(handler)) {
    acceptor_ = std::thread([this] { Accept(); });
  }

  ~TestHttpServer() {
    {
      const MutexLock lock(mutex_);
      ended_ = true;
      for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
    }
    shutdown(listener_.socket, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    for (const int socket : sockets_) close(socket);
    close(listener_.socket);
  }
  TestHttpServer(const TestHttpServer&) = delete;
  TestHttpServer& operator=(const TestHttpServer&) = delete;

  /// Without a slash at the end.
  std::string url() const { return listener_.url(); }

 private:
  void Accept() {
    for (;;) {
      const int socket = accept4(listener_.socket, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      const MutexLock lock(mutex_);
      sockets_.push_back(socket);
      if (ended_) shutdown(socket, SHUT_RDWR);
      threads_.emplace_back([this, socket] { Serve(socket); });
    }
  }

  void Serve(int socket) const {
    Connection connection(socket);
    while (const std::optional<Request> request = ReadRequest(connection)) {
      if (!handler_(*request, connection)) break;
    }
    shutdown(socket, SHUT_RDWR);
  }

  static std::optional<Request> ReadRequest(Connection& connection) {
    std::size_t end = 0;
    while ((end = connection.unread_.find("\r\n\r\n")) == std::string::npos) {
      char piece[4096];
      const ssize_t got = recv(connection.socket_, piece, sizeof(piece), 0);
      if (got <= 0) return std::nullopt;
      connection.unread_.append(piece, static_cast<std::size_t>(got));
    }
    const std::string head = connection.unread_.substr(0, end);
    connection.unread_.erase(0, end + 4);
    Request request;
    for (const absl::string_view line : absl::StrSplit(head, "\r\n")) {
      const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
      if (words.size() == 3 && words[0] == "GET") request.path = std::string(words[1]);
      if (words.size() == 2 && words[0] == "Range:") request.range = ToRange(words[1]);
    }
    return request;
  }

  // "bytes=0-99"
  static ByteRange ToRange(absl::string_view text) {
    const std::vector<absl::string_view> ends =
        absl::StrSplit(text.substr(text.find('=') + 1), '-');
    ByteRange range;
    std::uint64_t last = 0;
    EXPECT_TRUE(ends.size() == 2 && absl::SimpleAtoi(ends[0], &range.offset) &&
                absl::SimpleAtoi(ends[1], &last))
        << text;
    range.bytes = last + 1 - range.offset;
    return range;
  }

  const Handler handler_;
  LoopbackListener listener_{16};
  Mutex mutex_;
  bool ended_ = false;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_TEST_HTTP_SERVER_H_
