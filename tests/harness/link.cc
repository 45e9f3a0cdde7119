#include "tests/harness/link.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <memory>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"
#include "tests/harness/require.h"

namespace waybill::harness {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kBufferBytes = 64 << 10;
constexpr absl::Duration kSlowTick = absl::Milliseconds(10);

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void PassOnAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// -1 if nobody listens there.
int Connect(int port) {
  const int connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(connected, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(connected);
    return -1;
  }
  fcntl(connected, F_SETFL, O_NONBLOCK);
  PassOnAtOnce(connected);
  return connected;
}

absl::Duration Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

bool MayComeLater() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

/// One direction of a connection: reads only when all it read before is written.
struct Link::Way {
  int from = -1;
  int to = -1;
  bool is_down = false;
  bool ended = false;   // Nothing more comes.
  bool broken = false;  // Nothing more can be written.
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<char> bytes = std::vector<char>(kBufferBytes);

  bool empty() const { return begin == end; }
};

struct Link::Connection {
  Connection(int client, int server) {
    down.from = up.to = client;
    down.to = up.from = server;
    down.is_down = true;
  }
  ~Connection() {
    close(down.from);
    close(down.to);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_over() const {
    return down.broken || up.broken || (down.ended && down.empty()) || (up.ended && up.empty());
  }

  Way down;
  Way up;
};

Link::Link() : cut_at_bytes_(kNever), refilled_(Monotonic()) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
    Fail("a link cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

Link::~Link() {
  ending_ = true;
  Wake();
  thread_.join();
  close(listener_);
  close(wake_[0]);
  close(wake_[1]);
}

std::string Link::endpoint() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void Link::Cut() {
  cut_ = true;
  Wake();
  MutexLock lock(mutex_);
  while (connections_open_) {
    cut_done_.Wait(mutex_);
  }
}

void Link::Heal() {
  cut_at_bytes_ = kNever;
  cut_ = false;
}

void Link::CutAfter(std::int64_t down_bytes) {
  cut_at_bytes_ = bytes_down_ + down_bytes;
}

void Link::Wake() {
  const char byte = 0;
  // A full pipe wakes as well.
  [[maybe_unused]] const ssize_t written = write(wake_[1], &byte, 1);
}

void Link::Run() {
  std::vector<std::unique_ptr<Connection>> connections;
  while (!ending_) {
    if (WaitForWork(connections) > 0) {
      char woken[64];
      while (read(wake_[0], woken, sizeof woken) > 0) {
      }
    }
    RefillAllowance();
    Accept(connections);
    for (const auto& connection : connections) {
      Carry(*connection);
    }
    if (bytes_down_ >= cut_at_bytes_) {
      cut_ = true;
    }
    std::erase_if(connections,
                  [this](const auto& connection) { return cut_ || connection->is_over(); });
    MutexLock lock(mutex_);
    connections_open_ = !connections.empty();
    cut_done_.NotifyAll();
  }
}

// Waits until a socket may be read or written, or Wake. A descriptor of which nothing is wanted is
// left out: poll would return at once for one whose peer is gone.
int Link::WaitForWork(std::vector<std::unique_ptr<Connection>>& connections) {
  const bool is_slow = bytes_per_second_ > 0;
  bool waits_for_allowance = false;
  std::vector<pollfd> waits = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
  const auto wait_for = [&](const Way& way) {
    if (way.empty()) {
      if (!way.ended) waits.push_back({way.from, POLLIN, 0});
    } else if (is_slow && way.is_down && allowance_ <= 0) {
      waits_for_allowance = true;
    } else {
      waits.push_back({way.to, POLLOUT, 0});
    }
  };
  for (const auto& connection : connections) {
    wait_for(connection->down);
    wait_for(connection->up);
  }
  const absl::Duration limit = waits_for_allowance ? kSlowTick : absl::Milliseconds(500);
  return poll(waits.data(), waits.size(), static_cast<int>(absl::ToInt64Milliseconds(limit)));
}

void Link::Accept(std::vector<std::unique_ptr<Connection>>& connections) {
  while (true) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
      return;
    }
    const int target = target_port_;
    const int server = cut_ || target == 0 ? -1 : Connect(target);
    if (server < 0) {
      close(client);
      continue;
    }
    PassOnAtOnce(client);
    connections.push_back(std::make_unique<Connection>(client, server));
    MutexLock lock(mutex_);
    connections_open_ = true;
  }
}

void Link::Carry(Connection& connection) {
  for (Way* way : {&connection.down, &connection.up}) {
    if (way->empty() && !way->ended) {
      Fill(*way);
    }
    if (!way->empty() && !way->broken) {
      Drain(*way);
    }
  }
}

void Link::Fill(Way& way) {
  const ssize_t count = read(way.from, way.bytes.data(), way.bytes.size());
  if (count > 0) {
    way.begin = 0;
    way.end = static_cast<std::size_t>(count);
  } else if (count == 0 || !MayComeLater()) {
    way.ended = true;
  }
}

void Link::Drain(Way& way) {
  auto wanted = static_cast<std::int64_t>(way.end - way.begin);
  if (way.is_down) {
    wanted = Allowance(wanted);
  }
  if (wanted <= 0) {
    return;
  }
  const ssize_t count =
      send(way.to, way.bytes.data() + way.begin, static_cast<std::size_t>(wanted), MSG_NOSIGNAL);
  if (count < 0) {
    way.broken = !MayComeLater();
    return;
  }
  way.begin += static_cast<std::size_t>(count);
  if (way.is_down) {
    bytes_down_ += count;
    allowance_ -= count;
  } else {
    bytes_up_ += count;
  }
}

// How many of the bytes that want to go down may.
std::int64_t Link::Allowance(std::int64_t wanted) {
  wanted = std::min(wanted, std::max<std::int64_t>(0, cut_at_bytes_ - bytes_down_));
  return bytes_per_second_ > 0 ? std::min(wanted, allowance_) : wanted;
}

void Link::RefillAllowance() {
  const std::int64_t rate = bytes_per_second_;
  const absl::Duration now = Monotonic();
  const auto earned =
      static_cast<std::int64_t>(static_cast<double>(rate) * absl::ToDoubleSeconds(now - refilled_));
  if (earned > 0 || rate == 0) {
    refilled_ = now;
    // What was not used is lost but for a tick's worth, so that a rest is not followed by a burst.
    allowance_ =
        std::min(std::max<std::int64_t>(0, allowance_) + earned, std::max(rate / 20, earned));
  }
}

}  // namespace waybill::harness
