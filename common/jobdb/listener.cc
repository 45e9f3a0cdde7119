#include "common/jobdb/listener.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <pqxx/pqxx>
#include <sys/eventfd.h>

#include "absl/base/internal/raw_logging.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/connection_string.h"
#include "common/jobdb/pg_errors.h"
#include "common/status/status_macros.h"

namespace waybill::jobdb {
namespace {

class Receiver : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection_base& connection, const std::string& channel,
           const Listener::Wake& wake)
      : notification_receiver(connection, channel), wake_(wake) {}

  void operator()(const std::string& /*payload*/, int /*backend_pid*/) override {
    wake_(channel());
  }

 private:
  const Listener::Wake& wake_;
};

int MakeEvent() {
  const int descriptor = eventfd(0, EFD_CLOEXEC);
  ABSL_RAW_CHECK(descriptor >= 0, "no descriptor left for an event");
  return descriptor;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(Options options,
                                                          std::vector<std::string> channels,
                                                          Wake wake, Report report) {
  WAYBILL_ASSIGN_OR_RETURN(ConnectionString target, ConnectionString::Parse(options.uri));
  return std::unique_ptr<Listener>(new Listener(std::move(options), std::move(target),
                                                std::move(channels), std::move(wake),
                                                std::move(report)));
}

Listener::Listener(Options options, ConnectionString target, std::vector<std::string> channels,
                   Wake wake, Report report)
    : options_(std::move(options)),
      target_(std::move(target)),
      channels_(std::move(channels)),
      wake_(std::move(wake)),
      report_(std::move(report)),
      stop_event_(MakeEvent()),
      thread_([this] { Work(); }) {}

Listener::~Listener() {
  eventfd_write(stop_event_, 1);
  thread_.join();
  close(stop_event_);
}

void Listener::Work() {
  absl::Duration pause = options_.reconnect_min;
  bool reported_down = false;
  while (true) {
    bool connected = false;
    const absl::Status status = ListenUntilBroken(connected);
    if (status.ok()) {
      return;
    }
    if (connected || !reported_down) {
      report_(status);
      reported_down = true;
    }
    pause = connected ? options_.reconnect_min : std::min(pause * 2, options_.reconnect_max);
    if (AwaitStop(pause, /*other_descriptor=*/-1)) {
      return;
    }
  }
}

// OK means told to stop.
absl::Status Listener::ListenUntilBroken(bool& connected) {
  return CatchConnectErrors(target_, [&] {
    pqxx::connection connection(target_.for_libpq());
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection.inhibit_reactivation(true);  // A silent reconnect would skip the wake.
#pragma GCC diagnostic pop
    pqxx::nontransaction(connection)
        .exec(absl::StrCat("SET application_name = ", connection.quote(options_.application_name)));
    std::vector<std::unique_ptr<Receiver>> receivers;
    for (const std::string& channel : channels_) {
      receivers.push_back(std::make_unique<Receiver>(connection, channel, wake_));
    }
    connected = true;
    report_(absl::OkStatus());
    std::for_each(channels_.begin(), channels_.end(), wake_);
    while (!AwaitStop(absl::InfiniteDuration(), connection.sock())) {
      connection.get_notifs();
      if (!connection.is_open()) {
        return absl::UnavailableError("the connection to the job database broke");
      }
    }
    return absl::OkStatus();
  });
}

// True once told to stop; false when `limit` has passed or `other_descriptor` is readable.
bool Listener::AwaitStop(absl::Duration limit, int other_descriptor) {
  pollfd waited[] = {{stop_event_, POLLIN, 0}, {other_descriptor, POLLIN, 0}};
  const int milliseconds = limit == absl::InfiniteDuration()
                               ? -1
                               : static_cast<int>(absl::ToInt64Milliseconds(limit)) + 1;
  while (poll(waited, 2, milliseconds) < 0 && errno == EINTR) {
  }
  return waited[0].revents != 0;
}

}  // namespace waybill::jobdb
