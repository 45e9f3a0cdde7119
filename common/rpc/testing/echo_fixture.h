#ifndef WAYBILL_COMMON_RPC_TESTING_ECHO_FIXTURE_H_
#define WAYBILL_COMMON_RPC_TESTING_ECHO_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <gtest/gtest.h>

#include "common/config/tls_files.h"
#include "common/rpc/access.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/stream_calls.h"
#include "common/rpc/test_certificates.h"
#include "common/rpc/testing/echo_service.grpc.pb.h"
#include "common/rpc/tls.h"
#include "common/rpc/unary_call.h"
#include "common/thread/executor.h"

namespace waybill::rpc::testing {

/// EchoService with handlers that each test sets before it calls.
class EchoServer final : public EchoService::CallbackService {
 public:
  EchoServer(Executor& calls, Executor& streams) : calls_(calls), streams_(streams) {}

  UnaryHandler<EchoRequest, EchoResponse> echo = DefaultEcho;
  ServerStreamHandler<CountRequest, CountResponse> count = DefaultCount;
  ClientStreamHandler<SumRequest, SumResponse> sum = DefaultSum;
  BidiHandler<ChatRequest, ChatResponse> chat = DefaultChat;
  StreamLimits limits;

  static absl::StatusOr<EchoResponse> DefaultEcho(const EchoRequest& request,
                                                  const CallContext& call);
  static absl::Status DefaultCount(const CountRequest& request, const CallContext& call,
                                   Sink<CountResponse>& sink);
  static absl::StatusOr<SumResponse> DefaultSum(const CallContext& call,
                                                Source<SumRequest>& source);
  /// Says each text back, and "end" at the end.
  static absl::Status DefaultChat(const CallContext& call, Source<ChatRequest>& source,
                                  Sink<ChatResponse>& sink);

  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const EchoRequest* request,
                                 EchoResponse* response) override;
  grpc::ServerWriteReactor<CountResponse>* Count(grpc::CallbackServerContext* context,
                                                 const CountRequest* request) override;
  grpc::ServerReadReactor<SumRequest>* Sum(grpc::CallbackServerContext* context,
                                           SumResponse* response) override;
  grpc::ServerBidiReactor<ChatRequest, ChatResponse>* Chat(
      grpc::CallbackServerContext* context) override;

 private:
  Executor& calls_;
  Executor& streams_;
};

/// A call that fails instead of hanging when no answer comes.
std::unique_ptr<grpc::ClientContext> Call();

/// One listener over real TLS on the loopback interface, and clients of any identity.
class EchoTest : public ::testing::Test {
 protected:
  EchoTest() = default;
  ~EchoTest() override;

  /// Starts the listener on the first use; `options` must be set before.
  Listener& listener();
  std::unique_ptr<EchoService::Stub> Connect(const Identity& client);
  std::unique_ptr<EchoService::Stub> ConnectWith(const TlsIdentity& client);
  std::shared_ptr<grpc::Channel> ChannelWith(const TlsIdentity& client);
  static grpc::Status Echo(EchoService::Stub& stub, const std::string& text,
                           std::string* answer = nullptr);

  const Identity server_identity_{Role::kService, "CEN", "scheduler"};
  const Identity sender_{Role::kService, "NYC", "sender"};
  const Identity admin_{Role::kAdmin, "", "alice"};
  const Identity workstation_{Role::kWorkstation, "NYC", "NYC00001"};

  TestCertificates certificates_;
  std::unique_ptr<TlsIdentity> tls_ = certificates_.Load(server_identity_);
  ListenerOptions options_{
      .audience = "sites",
      .address = "127.0.0.1:0",
      .rules = {
          {"/waybill.rpc.testing.EchoService/Echo", {{Role::kAdmin}, {Role::kService, "sender"}}},
          {"/waybill.rpc.testing.EchoService/Count", {{Role::kService}}},
          {"/waybill.rpc.testing.EchoService/Sum", {{Role::kService}}},
          {"/waybill.rpc.testing.EchoService/Chat", {{Role::kService}}}}};
  std::unique_ptr<Executor> calls_ = std::make_unique<Executor>(2, 2);
  std::unique_ptr<Executor> streams_ = std::make_unique<Executor>(2, 2);
  EchoServer server_{*calls_, *streams_};
  std::vector<std::unique_ptr<TlsIdentity>> clients_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace waybill::rpc::testing

#endif  // WAYBILL_COMMON_RPC_TESTING_ECHO_FIXTURE_H_
