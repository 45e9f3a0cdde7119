#include "common/rpc/tls.h"

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/logging/log.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/identity.h"
#include "common/status/status_macros.h"

namespace waybill::rpc {
namespace {

constexpr unsigned int kRefreshSeconds = 60;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* pointer) const { Free(pointer); }
};
using X509Ptr = std::unique_ptr<X509, Freer<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES, GENERAL_NAMES_free>>;

absl::StatusOr<BioPtr> Open(const std::string& path) {
  errno = 0;
  BioPtr file(BIO_new_file(path.c_str(), "r"));
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno == 0 ? EIO : errno, "cannot read " + path);
  }
  return file;
}

absl::StatusOr<X509Ptr> ReadCertificate(const std::string& path) {
  WAYBILL_ASSIGN_OR_RETURN(const BioPtr file, Open(path));
  X509Ptr certificate(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(path + " holds no PEM certificate");
  }
  return certificate;
}

// A pass phrase prompt would stop a service for ever: an encrypted key is an error instead.
int NoPassPhrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

absl::StatusOr<KeyPtr> ReadKey(const std::string& path) {
  WAYBILL_ASSIGN_OR_RETURN(const BioPtr file, Open(path));
  KeyPtr key(PEM_read_bio_PrivateKey(file.get(), nullptr, NoPassPhrase, nullptr));
  if (key == nullptr) {
    return absl::InvalidArgumentError(path + " holds no unencrypted PEM private key");
  }
  return key;
}

std::vector<std::string> UrisOf(const X509& certificate) {
  std::vector<std::string> uris;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
      uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                        static_cast<std::size_t>(ASN1_STRING_length(uri)));
    }
  }
  return uris;
}

// Runs after gRPC has verified the chain up to our authorities.
class ServerIdentityVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit ServerIdentityVerifier(Identity expected) : expected_(std::move(expected)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* status) override {
    std::vector<std::string> uris;
    for (const grpc::string_ref& uri : request->uri_names()) {
      uris.emplace_back(uri.data(), uri.size());
    }
    const absl::StatusOr<Identity> found = IdentityFromUris(uris);
    if (!found.ok() || *found != expected_) {
      log::Warning("a server is not who it should be",
                   {{"expected", ToUri(expected_)},
                    {"found", found.ok() ? ToUri(*found) : found.status().ToString()}});
      *status = {grpc::StatusCode::UNAUTHENTICATED,
                 "the server's certificate does not name " + ToUri(expected_)};
    }
    return true;  // Decided at once; `callback` is for those who need time.
  }

  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  const Identity expected_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::Load(const config::TlsFiles& files) {
  RouteGrpcLog();
  WAYBILL_RETURN_IF_ERROR(ReadCertificate(files.ca_file).status());
  WAYBILL_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(files.certificate_file));
  WAYBILL_ASSIGN_OR_RETURN(const KeyPtr key, ReadKey(files.key_file));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.key_file, " is not the key of ", files.certificate_file));
  }
  const absl::StatusOr<Identity> identity = IdentityFromUris(UrisOf(*certificate));
  if (!identity.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.certificate_file, ": ", identity.status().message()));
  }
  return std::unique_ptr<TlsIdentity>(new TlsIdentity(files, *identity));
}

TlsIdentity::TlsIdentity(config::TlsFiles files, Identity identity)
    : files_(std::move(files)),
      identity_(std::move(identity)),
      provider_(std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          files_.key_file, files_.certificate_file, files_.ca_file, kRefreshSeconds)) {}

std::shared_ptr<grpc::ServerCredentials> TlsIdentity::ServerCredentials() const {
  grpc::experimental::TlsServerCredentialsOptions options(provider_);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  // The chain is verified; what the identity may do is decided for each call.
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  if (!files_.crl_directory.empty()) {
    options.set_crl_directory(files_.crl_directory);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> TlsIdentity::ChannelCredentials(
    const Identity& server) const {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider_);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ServerIdentityVerifier>(server));
  options.set_check_call_host(false);
  if (!files_.crl_directory.empty()) {
    options.set_crl_directory(files_.crl_directory);
  }
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace waybill::rpc
