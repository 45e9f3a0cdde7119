#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "common/rpc/channel.h"
#include "common/rpc/identity.h"
#include "common/rpc/test_certificates.h"
#include "common/rpc/testing/echo_fixture.h"
#include "common/rpc/tls.h"
#include "common/status/status_matchers.h"

namespace waybill::rpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr auto kRefused = grpc::StatusCode::UNAVAILABLE;

// Against a listener: who gets in, and whom a client believes.
class TlsTest : public EchoTest {
 protected:
  grpc::StatusCode EchoAs(const config::TlsFiles& files) {
    const std::unique_ptr<TlsIdentity> client = *TlsIdentity::Load(files);
    return Echo(*ConnectWith(*client), "hello").error_code();
  }

  grpc::Status EchoOver(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    const auto channel = grpc::CreateChannel(listener().address(), credentials);
    return Echo(*EchoService::NewStub(channel), "hello");
  }
};

TEST_F(TlsTest, LetsInACertificateOfOurAuthority) {
  EXPECT_EQ(EchoAs(certificates_.Issue(sender_)), grpc::StatusCode::OK);
}

TEST_F(TlsTest, RefusesAClientWithoutACertificate) {
  EXPECT_FALSE(EchoOver(grpc::InsecureChannelCredentials()).ok());
  grpc::experimental::TlsChannelCredentialsOptions options;  // TLS, but shows nothing.
  options.set_verify_server_certs(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  EXPECT_FALSE(EchoOver(grpc::experimental::TlsCredentials(options)).ok());
}

TEST_F(TlsTest, RefusesAClientOfAnotherAuthority) {
  TestCertificates others;
  config::TlsFiles files = others.Issue(sender_);
  files.ca_file = certificates_.ca_file();  // It believes us; we do not believe it.
  EXPECT_EQ(EchoAs(files), kRefused);
}

TEST_F(TlsTest, RefusesAClientWhoseCertificateIsNotValidNow) {
  const std::string uri = ToUri(sender_);
  EXPECT_EQ(EchoAs(certificates_.Issue({.uris = {uri}, .ends_in = -absl::Minutes(1)})), kRefused);
  EXPECT_EQ(EchoAs(certificates_.Issue({.uris = {uri}, .starts_in = absl::Hours(1)})), kRefused);
}

TEST_F(TlsTest, RefusesAClientWhoseCertificateWasRevoked) {
  const config::TlsFiles stolen = certificates_.Issue(sender_);
  config::TlsFiles server = certificates_.Issue(server_identity_);
  server.crl_directory = certificates_.Revoke(stolen);
  tls_ = *TlsIdentity::Load(server);
  EXPECT_EQ(EchoAs(stolen), kRefused);
  EXPECT_EQ(EchoAs(certificates_.Issue(sender_)), grpc::StatusCode::OK);
}

TEST_F(TlsTest, BelievesNoServerWhoseCertificateWasRevoked) {
  const config::TlsFiles stolen = certificates_.Issue(server_identity_);
  tls_ = *TlsIdentity::Load(stolen);
  config::TlsFiles client = certificates_.Issue(sender_);
  EXPECT_EQ(EchoAs(client), grpc::StatusCode::OK);
  client.crl_directory = certificates_.Revoke(stolen);
  EXPECT_EQ(EchoAs(client), kRefused);
}

TEST_F(TlsTest, BelievesOnlyTheServerItMeantToCall) {
  const std::unique_ptr<TlsIdentity> client = certificates_.Load(sender_);
  for (const Identity& other :
       {Identity{Role::kService, "BOS", "scheduler"}, Identity{Role::kService, "CEN", "despooler"},
        Identity{Role::kAdmin, "", "scheduler"}}) {
    const auto channel = MakeChannel({.target = listener().address(), .server = other}, *client);
    EXPECT_EQ(Echo(*EchoService::NewStub(channel), "hello").error_code(), kRefused) << ToUri(other);
  }
}

TEST_F(TlsTest, BelievesNoServerOfAnotherAuthority) {
  TestCertificates others;
  config::TlsFiles files = certificates_.Issue(sender_);
  files.ca_file = others.ca_file();
  EXPECT_EQ(EchoAs(files), kRefused);
}

TEST_F(TlsTest, NamesTheFileThatCannotBeUsed) {
  const config::TlsFiles good = certificates_.Issue(sender_);
  config::TlsFiles missing = good;
  missing.key_file = certificates_.directory() + "/absent.key";
  EXPECT_THAT(TlsIdentity::Load(missing), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(TlsIdentity::Load(missing).status().ToString(), HasSubstr("absent.key"));

  config::TlsFiles empty = good;
  empty.ca_file = certificates_.directory() + "/empty.pem";
  std::ofstream(empty.ca_file).flush();
  EXPECT_THAT(TlsIdentity::Load(empty), StatusIs(absl::StatusCode::kInvalidArgument));

  config::TlsFiles swapped = good;
  swapped.key_file = certificates_.Issue(admin_).key_file;
  EXPECT_THAT(TlsIdentity::Load(swapped), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(TlsTest, RefusesToStartWithoutAnIdentity) {
  EXPECT_THAT(TlsIdentity::Load(certificates_.Issue({.uris = {"https://example.com"}})),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ((*TlsIdentity::Load(certificates_.Issue(sender_)))->identity(), sender_);
}

}  // namespace
}  // namespace waybill::rpc::testing
