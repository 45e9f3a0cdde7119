#ifndef WAYBILL_COMMON_JOBDB_NOTIFIER_H_
#define WAYBILL_COMMON_JOBDB_NOTIFIER_H_

#include <memory>
#include <set>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/thread/mutex.h"

namespace waybill::jobdb {

/// Wakes the listeners on a channel, at most once per interval and channel: the first call of a
/// quiet time goes out at once, those within the interval are sent together at its end. A NOTIFY
/// inside every transaction would slow inserts down two to four times, because PostgreSQL commits
/// transactions that notify one after the other.
///
/// Call it after the commit; before, listeners would look too early. Delivery is not promised (a
/// NOTIFY that fails is dropped): loops poll as well. Thread-safe, and no call blocks.
class Notifier {
 public:
  struct Options {
    std::string uri;
    std::string application_name = "waybill";
    absl::Duration interval = absl::Milliseconds(50);
  };

  /// Connects. Errors as of Database::Open.
  static absl::StatusOr<std::unique_ptr<Notifier>> Start(Options options);

  /// Sends what is pending.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// `channel` is at most 63 bytes; the set of channels is small and fixed by the program.
  void Notify(absl::string_view channel);

 private:
  Notifier(absl::Duration interval, std::unique_ptr<Database> database);

  void Work();
  std::set<std::string> TakePending();  // Waits; empty once closing and drained.
  void AwaitInterval();
  void Send(const std::set<std::string>& channels);

  const absl::Duration interval_;
  const std::unique_ptr<Database> database_;
  Mutex mutex_;
  CondVar changed_;
  std::set<std::string> pending_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_NOTIFIER_H_
