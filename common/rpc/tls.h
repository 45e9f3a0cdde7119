#ifndef WAYBILL_COMMON_RPC_TLS_H_
#define WAYBILL_COMMON_RPC_TLS_H_

#include <memory>
#include <string>

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include "absl/status/statusor.h"

#include "common/config/tls_files.h"
#include "common/rpc/identity.h"

namespace waybill::rpc {

/// Our certificate, its key and the authorities we believe, as gRPC wants them. One for a process.
///
/// Both sides of every connection show a certificate that our authorities signed; TLS 1.2 or newer.
/// A server is recognised by the URI in its certificate, not by host name: addresses move, and DNS
/// is not believed. The files are read again every minute, so that a renewed certificate is used
/// for new connections without a restart (replace key and certificate by renaming; a pair that does
/// not match is skipped until it does). Thread-safe. Outlives nothing: credentials keep what they
/// need.
class TlsIdentity {
 public:
  /// Reads and checks the files. NOT_FOUND or PERMISSION_DENIED: a file cannot be read;
  /// INVALID_ARGUMENT: it is not PEM of its kind, the key is not the certificate's, or the
  /// certificate names no identity. Texts name the file.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> Load(const config::TlsFiles& files);

  /// Who we are.
  const Identity& identity() const { return identity_; }

  /// For one listener: demands and verifies a client's certificate.
  std::shared_ptr<grpc::ServerCredentials> ServerCredentials() const;

  /// For one channel: shows our certificate, and believes only a server whose certificate holds
  /// exactly the identity `server`.
  std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const Identity& server) const;

 private:
  TlsIdentity(config::TlsFiles files, Identity identity);

  const config::TlsFiles files_;
  const Identity identity_;
  const std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;
};

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_TLS_H_
