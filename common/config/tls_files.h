#ifndef WAYBILL_COMMON_CONFIG_TLS_FILES_H_
#define WAYBILL_COMMON_CONFIG_TLS_FILES_H_

#include <string>

namespace waybill::config {

/// Where a process finds its identity. All PEM files.
struct TlsFiles {
  std::string ca_file;           ///< The certificate authorities whose peers are believed.
  std::string certificate_file;  ///< Our certificate, then intermediate ones.
  std::string key_file;          ///< The private key of the first certificate.
  std::string crl_directory;  ///< Hashed revocation lists as `openssl rehash` makes; empty: none.
};

}  // namespace waybill::config

#endif  // WAYBILL_COMMON_CONFIG_TLS_FILES_H_
