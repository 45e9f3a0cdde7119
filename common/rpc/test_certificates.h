#ifndef WAYBILL_COMMON_RPC_TEST_CERTIFICATES_H_
#define WAYBILL_COMMON_RPC_TEST_CERTIFICATES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "common/rpc/identity.h"
#include "common/rpc/tls.h"

namespace waybill::rpc {

/// A throw-away certificate authority for tests, in a directory of its own that goes with it. Makes
/// real files that real processes can be given. A failure here ends the test's process.
class TestCertificates {
 public:
  struct Request {
    std::vector<std::string> uris;               ///< URI SANs.
    std::vector<std::string> addresses = {};     ///< IP SANs.
    absl::Duration starts_in = -absl::Hours(1);  ///< From now.
    absl::Duration ends_in = absl::Hours(24);    ///< From now.
  };

  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  /// A certificate for `identity`, valid for a day, with its key and our authority.
  config::TlsFiles Issue(const Identity& identity);

  /// The same for anything, also for what must be refused.
  config::TlsFiles Issue(const Request& request);

  /// A directory with a revocation list of our authority that names this certificate of ours alone,
  /// as --tls-crl-directory wants it. Once for each authority.
  std::string Revoke(const config::TlsFiles& files);

  /// Issued and loaded.
  std::unique_ptr<TlsIdentity> Load(const Identity& identity);

  /// PEM file of the authority's certificate.
  const std::string& ca_file() const { return ca_file_; }

  /// Where all the files are.
  const std::string& directory() const { return directory_; }

 private:
  struct Authority;

  std::string directory_;
  std::string ca_file_;
  std::unique_ptr<Authority> authority_;
  int issued_ = 0;
};

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_TEST_CERTIFICATES_H_
