#ifndef WAYBILL_COMMON_RPC_STREAM_H_
#define WAYBILL_COMMON_RPC_STREAM_H_

#include <functional>
#include <utility>

#include <grpcpp/server_context.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/rpc/call_context.h"

namespace waybill::rpc {

/// How long one side of a stream may make no progress. A stream that may rest (a watch has nothing
/// to say, a status channel nothing to report) sets `read_max` to InfiniteDuration and relies on
/// keep-alive to notice a dead peer.
struct StreamLimits {
  absl::Duration read_max = absl::Seconds(30);   ///< Until the next whole message arrives.
  absl::Duration write_max = absl::Seconds(30);  ///< Until the caller takes a message.
};

/// Where a streaming handler puts its messages. Used by one thread at a time.
template <typename Response>
class Sink {
 public:
  virtual ~Sink() = default;

  /// Blocks while the previous message is still on its way, which is the back-pressure: a slow
  /// reader slows the handler and memory stays at two messages. Returns false once the caller is
  /// gone or took nothing for StreamLimits::write_max; the handler then returns. Goes on working
  /// while the server drains, so that a handler can say its last words.
  virtual bool Write(Response message) = 0;
};

/// Where a streaming handler gets its messages. Used by one thread at a time, which may be another
/// than the Sink's.
template <typename Request>
class Source {
 public:
  virtual ~Source() = default;

  /// Blocks until a message is there: true. False: the caller has said all it wanted, or its
  /// connection broke a moment ago; so an end is never a confirmation, protocols that need one send
  /// it. DEADLINE_EXCEEDED after `limit` without a whole message: the handler returns it, or reads
  /// again. UNAVAILABLE: the server drains. CANCELLED: the caller is gone. At most one message is
  /// read ahead, so a slow handler slows the caller.
  virtual absl::StatusOr<bool> Read(Request& message, absl::Duration limit) = 0;

  /// The same with StreamLimits::read_max.
  virtual absl::StatusOr<bool> Read(Request& message) = 0;
};

/// Sink over the writing half of a reactor.
template <typename Response>
class ReactorSink final : public Sink<Response> {
 public:
  ReactorSink(const grpc::CallbackServerContext& grpc_context, const CallContext& context,
              absl::Duration limit, std::function<void(const Response*)> start_write)
      : grpc_context_(grpc_context),
        limit_(limit),
        start_write_(std::move(start_write)),
        operation_(context) {}

  bool Write(Response message) override {
    if (!Flush()) {
      return false;
    }
    message_ = std::move(message);
    operation_.Begin();
    start_write_(&message_);
    return true;
  }

  /// Waits until gRPC no longer holds a message. A stuck write cannot be taken back: the whole call
  /// is cancelled, which always completes it.
  bool Flush() {
    PendingOperation::Outcome outcome = operation_.Wait(limit_, /*until_drain=*/false);
    if (outcome == PendingOperation::Outcome::kPending) {
      grpc_context_.TryCancel();
      operation_.Wait(absl::InfiniteDuration(), /*until_drain=*/false);
      outcome = PendingOperation::Outcome::kBroken;
      stalled_ = true;
    }
    return outcome == PendingOperation::Outcome::kDone;
  }

  bool stalled() const { return stalled_; }
  void OnWriteDone(bool ok) { operation_.Complete(ok); }

 private:
  const grpc::CallbackServerContext& grpc_context_;
  const absl::Duration limit_;
  const std::function<void(const Response*)> start_write_;
  PendingOperation operation_;
  Response message_;  // Belongs to gRPC while the operation is pending.
  bool stalled_ = false;
};

/// Source over the reading half of a reactor. Only the handler's thread starts reads, so that none
/// is started after Finish.
template <typename Request>
class ReactorSource final : public Source<Request> {
 public:
  ReactorSource(const CallContext& context, absl::Duration limit,
                std::function<void(Request*)> start_read)
      : context_(context), limit_(limit), start_read_(std::move(start_read)), operation_(context) {}

  absl::StatusOr<bool> Read(Request& message) override { return Read(message, limit_); }

  absl::StatusOr<bool> Read(Request& message, absl::Duration limit) override {
    if (!started_) {
      StartRead();
    }
    switch (operation_.Wait(limit, /*until_drain=*/true)) {
      case PendingOperation::Outcome::kDone:
        message = std::move(message_);
        StartRead();
        return true;
      case PendingOperation::Outcome::kPending:
        return absl::DeadlineExceededError("the caller made no progress");
      case PendingOperation::Outcome::kDrained:
        return context_.CancelStatus();
      case PendingOperation::Outcome::kBroken:
        break;
    }
    const absl::Status why = context_.CancelStatus();
    return why.ok() ? absl::StatusOr<bool>(false) : why;
  }

  void OnReadDone(bool ok) { operation_.Complete(ok); }

 private:
  void StartRead() {
    started_ = true;
    message_ = Request();  // gRPC parses into it; what was moved out must not be reused.
    operation_.Begin();
    start_read_(&message_);
  }

  const CallContext& context_;
  const absl::Duration limit_;
  const std::function<void(Request*)> start_read_;
  PendingOperation operation_;
  Request message_;  // Belongs to gRPC while the operation is pending.
  bool started_ = false;
};

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_STREAM_H_
