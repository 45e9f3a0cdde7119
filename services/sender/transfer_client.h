#ifndef WAYBILL_SERVICES_SENDER_TRANSFER_CLIENT_H_
#define WAYBILL_SERVICES_SENDER_TRANSFER_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/rpc/tls.h"
#include "common/thread/mutex.h"
#include "services/sender/instruction_source.h"
#include "services/sender/send_order.h"

namespace waybill::sender {

/// What a worker and those who watch it tell each other. Thread-safe.
class SendControl {
 public:
  enum class Stop {
    kNone,
    kSuperseded,  ///< Cancelled, or a higher revision of the job is there.
    kOverdue,     ///< The job's deadline passed.
    kLeaseLost,   ///< Someone else has the request, or it ended: nothing may be reported.
    kDraining,    ///< This process ends.
    kStalled,     ///< No progress for too long.
  };

  SendControl(const clock::Clock& clock, absl::Duration lease);

  /// Asks the worker to end before its next message and breaks off a call that waits. The first
  /// reason stays.
  void RequestStop(Stop why);

  /// Why to stop, or kNone. Also finds that the lease was not renewed in time, by this machine's
  /// own monotonic clock: a process that was frozen must not go on.
  Stop ShouldStop() const;

  /// The lease was renewed at the moment `asked_at` (monotonic, before the renewal was sent).
  void LeaseRenewed(absl::Duration asked_at);

  /// Something moved: a message was taken or came.
  void Moved();
  absl::Duration SinceMoved() const;

  /// Of this attempt. `bytes_total` is what the neighbour lacked.
  struct Progress {
    std::int64_t bytes_total = 0;
    std::int64_t bytes_sent = 0;
    std::int64_t bytes_durable = 0;  ///< Acknowledged.
    bool accepted = false;           ///< The neighbour took the order and is at work.
  };
  void SetProgress(const Progress& progress);
  Progress progress() const;

  /// `break_off` ends a blocking call; called at most once, perhaps at once, on any thread. An
  /// empty one takes it back; none runs once that returns.
  void SetBreakOff(std::function<void()> break_off);

 private:
  const clock::Clock& clock_;
  const absl::Duration lease_;
  mutable Mutex mutex_;
  Stop stop_ ABSL_GUARDED_BY(mutex_) = Stop::kNone;
  absl::Duration lease_end_ ABSL_GUARDED_BY(mutex_);
  absl::Duration moved_ ABSL_GUARDED_BY(mutex_);
  Progress progress_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> break_off_ ABSL_GUARDED_BY(mutex_);
};

/// How an attempt ended.
struct SendResult {
  enum class Kind {
    kSent,        ///< Committed there.
    kSuperseded,  ///< The neighbour has a newer revision: nothing to do.
    kNoSpace,     ///< The neighbour has no room; `needed_bytes`, `available_bytes`.
    kStopped,     ///< As SendControl asked.
    kRefused,     ///< The neighbour will never take it; `status` says why.
    kFailed,      ///< `status` says why.
  };
  Kind kind = Kind::kFailed;
  absl::Status status = absl::OkStatus();
  std::int64_t needed_bytes = 0;
  std::int64_t available_bytes = 0;
};

/// Speaks TransferService to neighbours' Despoolers. Thread-safe; each Send blocks its thread.
class TransferClient {
 public:
  virtual ~TransferClient() = default;

  /// One attempt. Looks at `control` before every message and reports progress there.
  virtual SendResult Send(const SendOrder& order, InstructionSource& instruction,
                          SendControl& control) = 0;
};

/// Over mutual TLS; believes only the Despooler of the site that the order names. `site_code` is
/// our own. All that is borrowed outlives the client.
std::unique_ptr<TransferClient> MakeTransferClient(std::string site_code,
                                                   const rpc::TlsIdentity& tls,
                                                   content::ChunkStore& chunks);

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_TRANSFER_CLIENT_H_
