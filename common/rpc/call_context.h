#ifndef WAYBILL_COMMON_RPC_CALL_CONTEXT_H_
#define WAYBILL_COMMON_RPC_CALL_CONTEXT_H_

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <grpcpp/server_context.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/rpc/identity.h"
#include "common/thread/executor.h"
#include "common/thread/mutex.h"

namespace waybill::rpc {

/// What a unary call gets whose caller set no deadline.
constexpr absl::Duration kDefaultDeadline = absl::Seconds(60);

/// What a handler may know about its call. Thread-safe; lives as long as the call.
class CallContext {
 public:
  /// Of a unary call.
  explicit CallContext(const grpc::CallbackServerContext& context);

  /// Of a stream, which ends early when `drain` is asked for: a stream may last for days.
  CallContext(const grpc::CallbackServerContext& context, const std::stop_token& drain);

  /// For tests that call a handler without a server.
  explicit CallContext(Identity identity, absl::Time deadline = absl::InfiniteFuture());

  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  /// Who calls, from the certificate. Role::kNone only without a Listener (in-process tests).
  const Identity& identity() const { return identity_; }

  /// The caller's network address, for logs: "ipv4:10.0.0.7:41234".
  const std::string& peer() const { return peer_; }

  /// Of a unary call, kDefaultDeadline from its start if the caller set none; of a stream then
  /// InfiniteFuture.
  absl::Time deadline() const { return deadline_; }

  /// True once the answer is of no use: the caller gave up, its connection broke, the deadline
  /// passed or, for a stream, the server drains. A handler that works for long looks here between
  /// steps; one that does not look is left to finish and its answer is dropped.
  bool IsCancelled() const;

  /// Waits until the call is cancelled, at most `limit`, and returns IsCancelled(). The way for a
  /// handler to pause. May return early.
  bool WaitForCancel(absl::Duration limit) const;

  /// Why IsCancelled(): UNAVAILABLE when draining (the caller comes again), DEADLINE_EXCEEDED,
  /// CANCELLED; OK if it is not.
  absl::Status CancelStatus() const;

  /// Called by the wrappers of this folder when gRPC says so.
  void Cancel();

 private:
  friend class PendingOperation;

  void Drain();
  absl::Status CancelStatusLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Identity identity_;
  const std::string peer_;
  const absl::Time deadline_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<std::stop_callback<std::function<void()>>> on_drain_;  // Last: unregisters first.
};

/// One read or write that gRPC works on while a handler waits for it. Shares the context's lock, so
/// that cancelling and draining wake the wait.
class PendingOperation {
 public:
  enum class Outcome {
    kDone,     ///< The operation succeeded, or none was begun.
    kBroken,   ///< It failed: end of stream or broken connection. Final.
    kPending,  ///< `limit` passed; the operation goes on.
    kDrained,  ///< The stream should end; the operation goes on.
  };

  explicit PendingOperation(const CallContext& context) : context_(context) {}

  void Begin();
  void Complete(bool ok);

  /// Waits until the operation is complete, at most `limit`, and no longer than until the server
  /// drains if `until_drain`.
  Outcome Wait(absl::Duration limit, bool until_drain) const;

 private:
  const CallContext& context_;
  bool pending_ ABSL_GUARDED_BY(context_.mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(context_.mutex_) = false;
};

/// Hands `run` to `executor`, or returns RESOURCE_EXHAUSTED when it is full or draining: the caller
/// backs off.
absl::Status Admit(Executor& executor, std::function<void()> run);

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_CALL_CONTEXT_H_
