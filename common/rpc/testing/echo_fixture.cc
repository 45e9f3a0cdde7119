#include "common/rpc/testing/echo_fixture.h"

#include <memory>
#include <string>
#include <utility>

#include "common/rpc/channel.h"
#include "common/status/check.h"
#include "common/status/status_macros.h"

namespace waybill::rpc::testing {

absl::StatusOr<EchoResponse> EchoServer::DefaultEcho(const EchoRequest& request,
                                                     const CallContext& /*call*/) {
  EchoResponse response;
  response.set_text(request.text());
  return response;
}

absl::Status EchoServer::DefaultCount(const CountRequest& request, const CallContext& /*call*/,
                                      Sink<CountResponse>& sink) {
  for (std::int64_t number = 1; number <= request.count(); ++number) {
    CountResponse message;
    message.set_number(number);
    message.set_padding(std::string(static_cast<std::size_t>(request.padding_bytes()), 'x'));
    if (!sink.Write(std::move(message))) {
      return absl::CancelledError("the reader has left");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SumResponse> EchoServer::DefaultSum(const CallContext& /*call*/,
                                                   Source<SumRequest>& source) {
  SumResponse response;
  SumRequest request;
  while (true) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, source.Read(request));
    if (!more) {
      return response;
    }
    response.set_total(response.total() + request.number());
  }
}

absl::Status EchoServer::DefaultChat(const CallContext& /*call*/, Source<ChatRequest>& source,
                                     Sink<ChatResponse>& sink) {
  ChatRequest request;
  ChatResponse response;
  while (true) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, source.Read(request));
    response.set_text(more ? request.text() : "end");
    if (!sink.Write(response)) {
      return absl::CancelledError("the reader has left");
    }
    if (!more) {
      return absl::OkStatus();
    }
  }
}

grpc::ServerUnaryReactor* EchoServer::Echo(grpc::CallbackServerContext* context,
                                           const EchoRequest* request, EchoResponse* response) {
  return HandleUnary(calls_, *context, *request, *response, echo);
}

grpc::ServerWriteReactor<CountResponse>* EchoServer::Count(grpc::CallbackServerContext* context,
                                                           const CountRequest* request) {
  return HandleServerStream<CountResponse>(streams_, *context, *request, count, limits);
}

grpc::ServerReadReactor<SumRequest>* EchoServer::Sum(grpc::CallbackServerContext* context,
                                                     SumResponse* response) {
  return HandleClientStream<SumRequest>(streams_, *context, *response, sum, limits);
}

grpc::ServerBidiReactor<ChatRequest, ChatResponse>* EchoServer::Chat(
    grpc::CallbackServerContext* context) {
  return HandleBidi<ChatRequest, ChatResponse>(streams_, *context, chat, limits);
}

std::unique_ptr<grpc::ClientContext> Call() {
  auto context = std::make_unique<grpc::ClientContext>();
  SetDeadline(*context, absl::Seconds(30));
  return context;
}

EchoTest::~EchoTest() {
  listener_ = nullptr;  // Before the executors: handlers may still be at work.
}

Listener& EchoTest::listener() {
  if (listener_ == nullptr) {
    absl::StatusOr<std::unique_ptr<Listener>> started =
        Listener::Start(options_, *tls_, {&server_});
    WAYBILL_CHECK(started.ok());
    listener_ = *std::move(started);
  }
  return *listener_;
}

std::shared_ptr<grpc::Channel> EchoTest::ChannelWith(const TlsIdentity& client) {
  return MakeChannel({.target = listener().address(), .server = server_identity_}, client);
}

std::unique_ptr<EchoService::Stub> EchoTest::ConnectWith(const TlsIdentity& client) {
  return EchoService::NewStub(ChannelWith(client));
}

std::unique_ptr<EchoService::Stub> EchoTest::Connect(const Identity& client) {
  clients_.push_back(certificates_.Load(client));
  return ConnectWith(*clients_.back());
}

grpc::Status EchoTest::Echo(EchoService::Stub& stub, const std::string& text, std::string* answer) {
  EchoRequest request;
  request.set_text(text);
  EchoResponse response;
  const std::unique_ptr<grpc::ClientContext> context = Call();
  const grpc::Status status = stub.Echo(context.get(), request, &response);
  if (answer != nullptr) {
    *answer = response.text();
  }
  return status;
}

}  // namespace waybill::rpc::testing
