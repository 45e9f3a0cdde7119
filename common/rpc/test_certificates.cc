#include "common/rpc/test_certificates.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "common/rpc/identity.h"
#include "common/rpc/tls.h"
#include "common/status/check.h"

namespace waybill::rpc {
namespace {

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using TimePtr = std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)>;
using FilePtr = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

KeyPtr NewKey() {
  KeyPtr key(EVP_EC_gen("P-256"),
             EVP_PKEY_free);  // Milliseconds; RSA takes a hundred times as long.
  WAYBILL_CHECK(key != nullptr);
  return key;
}

void AddExtension(X509* certificate, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  WAYBILL_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Ptr NewCertificate(int serial, const std::string& name, EVP_PKEY* key) {
  X509Ptr certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void SetValidity(X509* certificate, absl::Duration starts_in, absl::Duration ends_in) {
  X509_gmtime_adj(X509_getm_notBefore(certificate), absl::ToInt64Seconds(starts_in));
  X509_gmtime_adj(X509_getm_notAfter(certificate), absl::ToInt64Seconds(ends_in));
}

void WriteCertificate(const std::string& path, X509* certificate) {
  const FilePtr file(std::fopen(path.c_str(), "w"), std::fclose);
  WAYBILL_CHECK(file != nullptr && PEM_write_X509(file.get(), certificate) == 1);
}

X509Ptr ReadCertificate(const std::string& path) {
  const FilePtr file(std::fopen(path.c_str(), "r"), std::fclose);
  WAYBILL_CHECK(file != nullptr);
  X509Ptr certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), X509_free);
  WAYBILL_CHECK(certificate != nullptr);
  return certificate;
}

void WriteKey(const std::string& path, EVP_PKEY* key) {
  const FilePtr file(std::fopen(path.c_str(), "w"), std::fclose);
  WAYBILL_CHECK(file != nullptr &&
                PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

}  // namespace

struct TestCertificates::Authority {
  KeyPtr key;
  X509Ptr certificate;
};

TestCertificates::TestCertificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "waybill-ca-XXXXXX").string();
  WAYBILL_CHECK(mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  ca_file_ = directory_ + "/ca.pem";
  KeyPtr key = NewKey();
  X509Ptr certificate = NewCertificate(1, "waybill test authority", key.get());
  SetValidity(certificate.get(), -absl::Hours(48), absl::Hours(48));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  WAYBILL_CHECK(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  WriteCertificate(ca_file_, certificate.get());
  authority_ = std::make_unique<Authority>(Authority{std::move(key), std::move(certificate)});
}

TestCertificates::~TestCertificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

config::TlsFiles TestCertificates::Issue(const Identity& identity) {
  return Issue(Request{.uris = {ToUri(identity)}});
}

config::TlsFiles TestCertificates::Issue(const Request& request) {
  ++issued_;
  const std::string stem = absl::StrCat(directory_, "/", issued_);
  const KeyPtr key = NewKey();
  const X509Ptr certificate =
      NewCertificate(issued_ + 1, absl::StrCat("test ", issued_), key.get());
  SetValidity(certificate.get(), request.starts_in, request.ends_in);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority_->certificate.get()));
  AddExtension(certificate.get(), NID_key_usage, "critical,digitalSignature");
  AddExtension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  std::vector<std::string> names;
  for (const std::string& uri : request.uris) names.push_back(absl::StrCat("URI:", uri));
  for (const std::string& address : request.addresses)
    names.push_back(absl::StrCat("IP:", address));
  if (!names.empty()) {
    AddExtension(certificate.get(), NID_subject_alt_name, absl::StrJoin(names, ","));
  }
  WAYBILL_CHECK(X509_sign(certificate.get(), authority_->key.get(), EVP_sha256()) > 0);
  WriteCertificate(stem + ".pem", certificate.get());
  WriteKey(stem + ".key", key.get());
  return {.ca_file = ca_file_,
          .certificate_file = stem + ".pem",
          .key_file = stem + ".key",
          .crl_directory = ""};
}

std::string TestCertificates::Revoke(const config::TlsFiles& files) {
  X509* const authority = authority_->certificate.get();
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(authority));
  const TimePtr now(X509_gmtime_adj(nullptr, -60), ASN1_TIME_free);
  const TimePtr next(X509_gmtime_adj(nullptr, 3600), ASN1_TIME_free);
  X509_CRL_set1_lastUpdate(list.get(), now.get());
  X509_CRL_set1_nextUpdate(list.get(), next.get());
  X509_REVOKED* const revoked = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(
      revoked, X509_get_serialNumber(ReadCertificate(files.certificate_file).get()));
  X509_REVOKED_set_revocationDate(revoked, now.get());
  X509_CRL_add0_revoked(list.get(), revoked);
  WAYBILL_CHECK(X509_CRL_sign(list.get(), authority_->key.get(), EVP_sha256()) > 0);

  std::string directory = directory_ + "/crl";
  std::filesystem::create_directory(directory);
  // Found by the hash of the issuer's name, as `openssl rehash` links it.
  const std::string name = absl::StrCat(
      absl::Hex(X509_NAME_hash_ex(X509_get_subject_name(authority), nullptr, nullptr, nullptr),
                absl::kZeroPad8),
      ".r0");
  const FilePtr file(std::fopen(absl::StrCat(directory, "/", name).c_str(), "w"), std::fclose);
  WAYBILL_CHECK(file != nullptr && PEM_write_X509_CRL(file.get(), list.get()) == 1);
  return directory;
}

std::unique_ptr<TlsIdentity> TestCertificates::Load(const Identity& identity) {
  absl::StatusOr<std::unique_ptr<TlsIdentity>> loaded = TlsIdentity::Load(Issue(identity));
  WAYBILL_CHECK(loaded.ok());
  return *std::move(loaded);
}

}  // namespace waybill::rpc
