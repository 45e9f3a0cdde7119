#ifndef WAYBILL_COMMON_RPC_STREAM_CALLS_H_
#define WAYBILL_COMMON_RPC_STREAM_CALLS_H_

#include <functional>
#include <type_traits>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/rpc/call_context.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/stopwatch.h"
#include "common/rpc/stream.h"
#include "common/thread/executor.h"

/// The three kinds of streams. Each is a reactor with the life of a UnaryCall: admitted, waiting,
/// running, finished, deleted in OnDone. Its handler is an ordinary blocking function that holds
/// its executor thread for the whole stream, so streams get an executor of their own (threads ==
/// tasks_max, the named limit of open streams) and cannot starve unary calls. One stream too many
/// gets RESOURCE_EXHAUSTED. Executor::Drain() asks all streams on it to end: they get UNAVAILABLE.

namespace waybill::rpc {

/// Answers one call with any number of messages.
template <typename Request, typename Response>
using ServerStreamHandler =
    std::function<absl::Status(const Request&, const CallContext&, Sink<Response>&)>;

/// Reads any number of messages and answers once.
template <typename Request, typename Response>
using ClientStreamHandler =
    std::function<absl::StatusOr<Response>(const CallContext&, Source<Request>&)>;

/// Reads and answers as it likes. May read on one thread and write on another; both have ended when
/// it returns.
template <typename Request, typename Response>
using BidiHandler =
    std::function<absl::Status(const CallContext&, Source<Request>&, Sink<Response>&)>;

/// What a stream ends with: a handler that saw only "cancelled" says CANCELLED; the caller should
/// learn whether it may come again, and the log that it did not read.
inline absl::Status EndOfStream(const absl::Status& handler, const CallContext& context,
                                bool stalled) {
  if (stalled) {
    return absl::DeadlineExceededError("the caller did not read");
  }
  const absl::Status cancelled = context.CancelStatus();
  return absl::IsCancelled(handler) && !cancelled.ok() ? cancelled : handler;
}

template <typename Request, typename Response>
class ServerStream final : public grpc::ServerWriteReactor<Response> {
 public:
  ServerStream(Executor& executor, const grpc::CallbackServerContext& context,
               const Request& request, ServerStreamHandler<Request, Response> handler,
               const StreamLimits& limits)
      : context_(context, executor.stop_token()),
        request_(request),
        handler_(std::move(handler)),
        sink_(context, context_, limits.write_max,
              [this](const Response* message) { this->StartWrite(message); }) {}

  void Start(Executor& executor) {
    const absl::Status admitted = Admit(executor, [this] { Run(); });
    if (!admitted.ok()) {
      End(admitted);
    }
  }

  void OnCancel() override { context_.Cancel(); }
  void OnDone() override { delete this; }
  void OnWriteDone(bool ok) override { sink_.OnWriteDone(ok); }

 private:
  void Run() {
    const absl::Status status = handler_(request_, context_, sink_);
    sink_.Flush();
    End(EndOfStream(status, context_, sink_.stalled()));
  }

  void End(const absl::Status& status) {
    const std::string& method = MethodName<Request, Response>();
    RecordCall(method, status.code(), stopwatch_.Elapsed());
    this->Finish(ToGrpcStatus(status, method));  // `this` may be gone from here on.
  }

  const Stopwatch stopwatch_;
  CallContext context_;
  const Request& request_;
  const ServerStreamHandler<Request, Response> handler_;
  ReactorSink<Response> sink_;
};

template <typename Request, typename Response>
class ClientStream final : public grpc::ServerReadReactor<Request> {
 public:
  ClientStream(Executor& executor, const grpc::CallbackServerContext& context, Response& response,
               ClientStreamHandler<Request, Response> handler, const StreamLimits& limits)
      : context_(context, executor.stop_token()),
        response_(response),
        handler_(std::move(handler)),
        source_(context_, limits.read_max, [this](Request* message) { this->StartRead(message); }) {
  }

  void Start(Executor& executor) {
    const absl::Status admitted = Admit(executor, [this] { Run(); });
    if (!admitted.ok()) {
      End(admitted);
    }
  }

  void OnCancel() override { context_.Cancel(); }
  void OnDone() override { delete this; }
  void OnReadDone(bool ok) override { source_.OnReadDone(ok); }

 private:
  void Run() {
    absl::StatusOr<Response> result = handler_(context_, source_);
    if (result.ok()) {
      response_ = *std::move(result);
      return End(absl::OkStatus());
    }
    End(EndOfStream(result.status(), context_, /*stalled=*/false));
  }

  void End(const absl::Status& status) {
    const std::string& method = MethodName<Request, Response>();
    RecordCall(method, status.code(), stopwatch_.Elapsed());
    this->Finish(ToGrpcStatus(status, method));  // `this` may be gone from here on.
  }

  const Stopwatch stopwatch_;
  CallContext context_;
  Response& response_;
  const ClientStreamHandler<Request, Response> handler_;
  ReactorSource<Request> source_;
};

template <typename Request, typename Response>
class BidiStream final : public grpc::ServerBidiReactor<Request, Response> {
 public:
  BidiStream(Executor& executor, const grpc::CallbackServerContext& context,
             BidiHandler<Request, Response> handler, const StreamLimits& limits)
      : context_(context, executor.stop_token()),
        handler_(std::move(handler)),
        source_(context_, limits.read_max, [this](Request* message) { this->StartRead(message); }),
        sink_(context, context_, limits.write_max,
              [this](const Response* message) { this->StartWrite(message); }) {}

  void Start(Executor& executor) {
    const absl::Status admitted = Admit(executor, [this] { Run(); });
    if (!admitted.ok()) {
      End(admitted);
    }
  }

  void OnCancel() override { context_.Cancel(); }
  void OnDone() override { delete this; }
  void OnReadDone(bool ok) override { source_.OnReadDone(ok); }
  void OnWriteDone(bool ok) override { sink_.OnWriteDone(ok); }

 private:
  void Run() {
    const absl::Status status = handler_(context_, source_, sink_);
    sink_.Flush();
    End(EndOfStream(status, context_, sink_.stalled()));
  }

  void End(const absl::Status& status) {
    const std::string& method = MethodName<Request, Response>();
    RecordCall(method, status.code(), stopwatch_.Elapsed());
    this->Finish(ToGrpcStatus(status, method));  // `this` may be gone from here on.
  }

  const Stopwatch stopwatch_;
  CallContext context_;
  const BidiHandler<Request, Response> handler_;
  ReactorSource<Request> source_;
  ReactorSink<Response> sink_;
};

/// The bodies of the streaming methods of a callback service: run `handler` on `executor`.
template <typename Response, typename Request>
grpc::ServerWriteReactor<Response>* HandleServerStream(
    Executor& executor, const grpc::CallbackServerContext& context, const Request& request,
    std::type_identity_t<ServerStreamHandler<Request, Response>> handler,
    const StreamLimits& limits = {}) {
  auto* call =
      new ServerStream<Request, Response>(executor, context, request, std::move(handler), limits);
  call->Start(executor);
  return call;
}

/// `return rpc::HandleClientStream<Request>(streams, *context, *response, handler);`
template <typename Request, typename Response>
grpc::ServerReadReactor<Request>* HandleClientStream(
    Executor& executor, const grpc::CallbackServerContext& context, Response& response,
    std::type_identity_t<ClientStreamHandler<Request, Response>> handler,
    const StreamLimits& limits = {}) {
  auto* call =
      new ClientStream<Request, Response>(executor, context, response, std::move(handler), limits);
  call->Start(executor);
  return call;
}

/// `return rpc::HandleBidi<Request, Response>(streams, *context, handler);`
template <typename Request, typename Response>
grpc::ServerBidiReactor<Request, Response>* HandleBidi(
    Executor& executor, const grpc::CallbackServerContext& context,
    std::type_identity_t<BidiHandler<Request, Response>> handler, const StreamLimits& limits = {}) {
  auto* call = new BidiStream<Request, Response>(executor, context, std::move(handler), limits);
  call->Start(executor);
  return call;
}

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_STREAM_CALLS_H_
