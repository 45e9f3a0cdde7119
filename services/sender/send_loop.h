#ifndef WAYBILL_SERVICES_SENDER_SEND_LOOP_H_
#define WAYBILL_SERVICES_SENDER_SEND_LOOP_H_

#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/thread/loop.h"
#include "common/thread/mutex.h"
#include "services/sender/retry_rules.h"
#include "services/sender/send_order.h"
#include "services/sender/send_store.h"
#include "services/sender/transfer_client.h"

namespace waybill::sender {

/// Works the Sender's queue: each pass reaps workers that are done, renews the leases of the others
/// and looks whether they should go on, shows their progress, ends what is hopeless, claims what is
/// due and gives it to a worker thread each.
///
/// While workers are busy a pass comes every second at least, and at once when somebody notifies;
/// so a cancel is seen within a second, and no row is written more often than that. Any number of
/// senders may run on one job database. Thread-safe.
class SendLoop {
 public:
  struct Options {
    int sends_max = 5;  ///< At once, over all addresses.
    absl::Duration lease = absl::Seconds(15);
    absl::Duration poll_interval = absl::Seconds(60);
    absl::Duration progress_max = absl::Minutes(2);  ///< A send that stands still is broken off.
    RetryLimits retry;
  };
  struct Deps {
    SendStore& store;
    TransferClient& client;
    const clock::Clock& clock;
    std::function<void(absl::string_view channel)> notify;  ///< Says NOTIFY; must not block.
    std::function<double()> random;                         ///< In [0, 1); any thread.
  };

  SendLoop(Deps deps, Options options);

  /// Stops.
  ~SendLoop();

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }

  /// Ends after the current messages; what was under way goes back into the queue. Repeatable.
  void Stop();

  /// One pass on the caller's thread; how long until the next one is due. For tests, and the loop.
  absl::StatusOr<absl::Duration> RunOnce();

  /// Waits until no worker is busy. For tests.
  void AwaitIdle();

 private:
  struct Worker;

  void Reap();
  absl::Status Watch();
  absl::Status ShowProgress(Worker& worker);
  absl::Status ClaimAndStart();
  void Work(Worker& worker);
  void Report(Worker& worker, const SendResult& result);
  absl::Status ReportStopped(const SendOrder& order, SendControl::Stop why);
  absl::Status ReportFailed(Worker& worker, const absl::Status& status);
  void SetFailing(const std::string& site_code, bool failing);
  void Done(Worker& worker);

  const Deps deps_;
  const Options options_;
  std::list<std::unique_ptr<Worker>> workers_;  // Only the pass, and Stop once no pass runs.
  Mutex mutex_;
  CondVar changed_;
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> failing_ ABSL_GUARDED_BY(mutex_);
  Loop loop_;
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_SEND_LOOP_H_
