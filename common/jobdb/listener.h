#ifndef WAYBILL_COMMON_JOBDB_LISTENER_H_
#define WAYBILL_COMMON_JOBDB_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/jobdb/connection_string.h"

namespace waybill::jobdb {

/// Listens on channels of the job database, on a connection and a thread of its own, and wakes
/// loops when somebody notifies (see Notifier).
///
/// A wake is a hint: it may come without a change, and while the connection is down none comes, so
/// loops poll as well. After each connect, the first included, every channel is woken once, because
/// what was notified before is lost.
class Listener {
 public:
  struct Options {
    std::string uri;
    std::string application_name = "waybill";

    /// The pause before it connects again doubles from the first to the second.
    absl::Duration reconnect_min = absl::Milliseconds(100);
    absl::Duration reconnect_max = absl::Seconds(10);
  };

  /// Gets the channel's name, on the listener's thread; must not block or throw.
  using Wake = std::function<void(absl::string_view channel)>;

  /// Gets each change between connected (OK) and not, on the listener's thread: for the log.
  using Report = std::function<void(const absl::Status&)>;

  /// Returns INVALID_ARGUMENT if `options.uri` cannot be read; a server that is down is waited for.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(Options options,
                                                         std::vector<std::string> channels,
                                                         Wake wake, Report report);

  /// Stops listening; no call of `wake` or `report` runs after it.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  Listener(Options options, ConnectionString target, std::vector<std::string> channels, Wake wake,
           Report report);

  void Work();
  absl::Status ListenUntilBroken(bool& connected);
  bool AwaitStop(absl::Duration limit, int other_descriptor);

  const Options options_;
  const ConnectionString target_;
  const std::vector<std::string> channels_;
  const Wake wake_;
  const Report report_;
  const int stop_event_;  // An eventfd: readable once the destructor runs, so poll(2) returns.
  std::thread thread_;
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_LISTENER_H_
