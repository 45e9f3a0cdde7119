#include <latch>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/rpc/channel.h"
#include "common/rpc/listener.h"
#include "common/rpc/stopwatch.h"
#include "common/rpc/testing/echo_fixture.h"
#include "common/status/status_matchers.h"

namespace waybill::rpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

class ListenerTest : public EchoTest {
 protected:
  // Sends one empty message to any method, without its proto. All fields of these requests are
  // optional, so it means "of the whole server" to health and "nothing known" to reflection.
  grpc::StatusCode CallMethod(const Identity& client, const std::string& method) {
    clients_.push_back(certificates_.Load(client));
    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(
        ChannelWith(*clients_.back()));
    const auto context = Call();
    grpc::CompletionQueue queue;
    const auto stream = stub.PrepareCall(context.get(), method, &queue);
    grpc::Status status;
    stream->StartCall(this);
    Next(queue);
    const grpc::Slice empty;
    stream->WriteLast(grpc::ByteBuffer(&empty, 1), grpc::WriteOptions(), this);
    Next(queue);
    grpc::ByteBuffer answer;
    do {  // The status comes after the last message.
      stream->Read(&answer, this);
    } while (Next(queue));
    stream->Finish(&status, this);
    Next(queue);
    return status.error_code();
  }

  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  }
};

TEST_F(ListenerTest, RefusesWhoeverTheTableDoesNotList) {
  const grpc::Status workstation = Echo(*Connect(workstation_), "hello");
  EXPECT_EQ(workstation.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(workstation.error_message(), HasSubstr("workstation"));
  EXPECT_THAT(workstation.error_message(), HasSubstr("EchoService/Echo"));
  EXPECT_EQ(Echo(*Connect({Role::kService, "NYC", "despooler"}), "hello").error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(Echo(*Connect(admin_), "hello").ok());
}

TEST_F(ListenerTest, RefusesAMethodNobodyListed) {
  EXPECT_EQ(CallMethod(admin_, "/waybill.rpc.testing.EchoService/Other"),
            grpc::StatusCode::PERMISSION_DENIED);
}

// Our own client would not load such a certificate; an attacker's does.
TEST_F(ListenerTest, RefusesACertificateThatDoesNotHoldExactlyOneIdentity) {
  for (const std::vector<std::string>& uris :
       {std::vector<std::string>{ToUri(sender_), ToUri(admin_)}, std::vector<std::string>{}}) {
    const config::TlsFiles files = certificates_.Issue({.uris = uris});
    grpc::experimental::TlsChannelCredentialsOptions options;
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
            files.key_file, files.certificate_file, files.ca_file, /*refresh_interval_sec=*/60));
    options.watch_root_certs();
    options.watch_identity_key_cert_pairs();
    options.set_certificate_verifier(
        std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
    options.set_check_call_host(false);
    const auto channel =
        grpc::CreateChannel(listener().address(), grpc::experimental::TlsCredentials(options));
    EXPECT_EQ(Echo(*EchoService::NewStub(channel), "hello").error_code(),
              grpc::StatusCode::UNAUTHENTICATED);
  }
}

TEST_F(ListenerTest, TellsItsHealthToEveryIdentity) {
  for (const Identity& identity : {admin_, sender_, workstation_}) {
    EXPECT_EQ(CallMethod(identity, kHealth), grpc::StatusCode::OK);
  }
}

TEST_F(ListenerTest, HasReflectionOnlyForAdministratorsWhereItIsSwitchedOn) {
  EXPECT_EQ(CallMethod(admin_, kReflection), grpc::StatusCode::PERMISSION_DENIED);
  listener_ = nullptr;
  options_.reflection = true;
  EXPECT_EQ(CallMethod(admin_, kReflection), grpc::StatusCode::OK);
  EXPECT_EQ(CallMethod(sender_, kReflection), grpc::StatusCode::PERMISSION_DENIED);
}

// grpcurl asks for the newer reflection first and goes on to the one we have only after this
// answer.
TEST_F(ListenerTest, SaysUnimplementedToNewerReflectionSoThatClientsFallBack) {
  options_.reflection = true;
  EXPECT_EQ(CallMethod(admin_, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ListenerTest, HasNoReflectionServiceEvenIfTheTableAllowedIt) {
  options_.rules.push_back({kReflection, {{Role::kAdmin}}});
  EXPECT_EQ(CallMethod(admin_, kReflection), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ListenerTest, NamesTheAddressThatIsTaken) {
  options_.address = listener().address();
  const auto second = Listener::Start(options_, *tls_, {&server_});
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(second.status().ToString(), HasSubstr(options_.address));
  EXPECT_THAT(second.status().ToString(), HasSubstr("sites"));
}

TEST_F(ListenerTest, RefusesAnAddressThatGrpcWouldTakeForAnotherOne) {
  for (const char* address :
       {"127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1", ":80", "127.0.0.1:"}) {
    options_.address = address;
    EXPECT_THAT(Listener::Start(options_, *tls_, {}), StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
  }
}

TEST_F(ListenerTest, RefusesAMessageBeyondItsLimit) {
  options_.message_bytes_max = 1000;
  const auto stub = Connect(sender_);
  EXPECT_TRUE(Echo(*stub, std::string(900, 'x')).ok());
  EXPECT_EQ(Echo(*stub, std::string(1100, 'x')).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ListenerTest, RefusesHeadersBeyondTheirLimit) {
  const auto stub = Connect(sender_);
  const auto context = Call();
  context->AddMetadata("x-long", std::string(20'000, 'x'));
  EchoResponse response;
  EXPECT_EQ(stub->Echo(context.get(), EchoRequest(), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ListenerTest, ServesTwoAudiencesInOneProcess) {
  ListenerOptions other = options_;
  other.audience = "administrators";
  other.rules = {{"/waybill.rpc.testing.EchoService/Echo", {{Role::kAdmin}}}};
  const auto administrators = *Listener::Start(other, *tls_, {&server_});
  const auto sender = certificates_.Load(sender_);
  EXPECT_TRUE(Echo(*ConnectWith(*sender), "hello").ok());
  const auto channel =
      MakeChannel({.target = administrators->address(), .server = server_identity_}, *sender);
  EXPECT_EQ(Echo(*EchoService::NewStub(channel), "hello").error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(ListenerTest, CancelsWhatIsStillRunningWhenTheDrainLimitIsOver) {
  std::latch running(1);
  server_.count = [&](const CountRequest&, const CallContext& call, Sink<CountResponse>&) {
    running.count_down();
    while (!call.WaitForCancel(absl::InfiniteDuration())) {
    }
    return call.CancelStatus();
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto reader = stub->Count(context.get(), CountRequest());
  running.wait();
  listener().Shutdown(absl::Milliseconds(10));
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(ListenerTest, DoesNotWaitForClientsThatAreConnectedAndSayNothing) {
  const auto stub = Connect(admin_);
  ASSERT_TRUE(Echo(*stub, "hello").ok());
  const Stopwatch stopwatch;
  listener().Shutdown(absl::Seconds(20));
  EXPECT_LT(stopwatch.Elapsed(), absl::Seconds(2));
}

TEST_F(ListenerTest, EndsStreamsAtOnceWhenTheirExecutorDrains) {
  std::latch running(1);
  server_.limits.read_max = absl::InfiniteDuration();
  server_.chat = [&](const CallContext& call, Source<ChatRequest>& source,
                     Sink<ChatResponse>& sink) {
    running.count_down();
    return EchoServer::DefaultChat(call, source, sink);
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto stream = stub->Chat(context.get());
  running.wait();
  streams_->Drain();
  ChatResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  listener().Shutdown(absl::InfiniteDuration());  // Nothing is left to wait for.
}

}  // namespace
}  // namespace waybill::rpc::testing
