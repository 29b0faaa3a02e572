// Some rows of each of the 19 published files of recorded results of real chips:
// github.com/north-numerical-computing/MATLAB-tensor-core, model_validation, commit b12b5a7
// (BSD-2-Clause; Khattak and Mikaitis, "Accurate Models of NVIDIA Tensor Cores", arXiv:2512.07004).
//
// Of the first 1,000 rows of a file, cut into 4 parts (3 for fp8), the first row of each part on
// which the rules of the most other generations fail. Internal to vector_check_test.cc.
#ifndef STRATA_CHIPS_NUMERICS_RECORDED_ROWS_H_
#define STRATA_CHIPS_NUMERICS_RECORDED_ROWS_H_

#include "chips/numerics/format.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips {

// A row is a, b, c, d in fp32 and, with fp16 and fp8 operands, d in fp16: fp32 words without the
// zeros that end them. Rows are parted by semicolons.
struct RecordedRows {
  const char* name;
  Generation generation;
  Format operand;
  const char* rows;
};

// clang-format off
inline constexpr RecordedRows kRecordedRows[] = {
    {"V100_fp16", Generation::kVolta, Format::kF16, R"(
bfb0a bfa6e be1cc beba, be1a2 3fcda 400ca bf1c6, 3f4c6b1f, bf99ee4, bf9a;
bd79a 3fe0c bff26 bee3, bfb06 3ebe 3f4dc bdfa4, 3f09947e, be4761cc, be474;
bf8de 3f962 bf0de 3ea84, beb9c bf83 3f16 3f4c4, 3f1a518b, be8412cc, be84;
3f388 3efce bd9fc bfd2a, 3f65e 3e9c2 3f65 3fa92, 3da46d8b, bfaed681, bfaee)"},
    {"A100_fp16", Generation::kAmpere, Format::kF16, R"(
be286 3f97a 3ee5e 3fd9 3e088 3f618 3f40e bde28, 3e10e 4005e 3df2a 3dd78 bfb c01e2 bfb1e bf1b6,
3f6a6da4, 3e865e58, 3e864;
3ede8 3f052 bf3f2 3f484 bfae6 c01e4 3cdbc 3e67c, bf98a bf8a2 3f9e 3e4a4 bcf9e be0e 3f264 be5e6,
3f38f1cd, bf456ff3, bf456;
3fd1 bd5bc 3f86c bfb74 bfcc 3f53a 3f29e 3f092, bea16 3f3de 3fdcc bf34 3ec84 bfa8 bf49c 3df7,
3de0a91, 3e57d298, 3e57c;
3f292 be67e be22a bfbf8 bf3da be994 3ea12 3f5c4, 3f15 be0e2 bf174 3f732 bcda6 3f836 3f788
3f6ae, 3dd0380b, bb0577, bb048)"},
    {"A100_bf16", Generation::kAmpere, Format::kBf16, R"(
3f7a 3f87 bea6 3fbf bf3d 3ead 3f8 3fe8, 3f19 bf26 3ed7 3e9d bff3 3ef2 bfc1 bf9, 3e8e06ad,
bfbe56d5;
bfa bdb2 3f5b 3fe6 3f48 be4c 3f42 bf47, bfb8 3f87 3f03 bfbb bfaa 3f09 bf76 bfc2, 3ef62feb,
bf32118b;
c008 bf56 bf6 3f94 3dcf beec bcda 4013, bfa5 3f8c 3f86 3e89 bf24 bf88 bf53 bf78, 3f79468f,
3ed3e8fc;
3fb9 3e49 bee5 3f44 bf84 3f12 bf8b bff3, bd5e 3f6c be82 bfb9 3f0d bfb3 bfb3 3eea, 3e871f11,
bfaba75c)"},
    {"A100_tf32", Generation::kAmpere, Format::kTf32, R"(
be87e 3e40c bf244 bc9f2, 3f852 3f36a 3f702 bd766, 3eda7c1c, bea19c0c;
3f6a4 3f1c2 bebe8 bfc06, 3f1ce bfefc 3f36c 3e396, 3e7ccb89, bf5f54c8;
bf8de 3f962 bf0de 3ea84, beb9c bf83 3f16 3f4c4, 3d5280cf, bf4f32e4;
3f292 be67e be22a bfbf8, 3f15 be0e2 bf174 3f732, 3f2a2a53, be7c47de)"},
    {"Ada_fp16", Generation::kAda, Format::kF16, R"(
bdc52 3fa08 bf28 3f572 3f6be 3c11 3eb36 3e60e, 3dd7 bf9d 3f52a 3f868 3ea0c 3f016 3ec6e 3f8f8,
3e1acd66, bec1713, bec18;
bf09c bf1a bebf bf3d2 3f8a4 bd11c 3eef8 bf3de, bc91c 3fc06 3f672 3eb72 3f7f4 3f45 3c812 3e43c,
3d32b2b1, bf096cd7, bf096;
bf3e 3e832 3f242 be684 bf01c bd88a bfea2 c0476, 3f35 3d1c8 3f4d bd4be 3f03e 3ec8e be024 3cc76,
3de6b653, bc03fbb, bc03a;
bf158 3f6c8 3d866 3f02 3f4d4 bd9c8 3f316 3e88a, 3fafa bf22c 3f25 bf09a 40012 be7e4 3ebbe bf864,
3ebed119, 3eba8bb6, 3ebaa)"},
    {"Ada_bf16", Generation::kAda, Format::kBf16, R"(
bf0c bf97 3ee2 3ff5 bf9b bdbf beed 3df9, bee9 bfa6 3f71 3f27 bece bdad beaf bc1d, 3f1f8a8e,
4096fc48;
c00c bf1c 3f8a bf15 3f96 bf99 bfa4 bf2a, 3f94 be9e 3e7b bf0f bf89 bf83 3ebe bf21, 3f6a8795,
bf6cac6c;
bf3f 3f1e bf5c bf29 bf8b 3f9b bf29 3f77, 3f09 bf9a bf56 beee 3fb8 bfea bea9 3e01, 3dd184e6,
c05cc649;
3f38 3efc bd9f bfd2 3d25 bf24 bfa8 bed4, 3f65 3e9c 3f65 3fa9 c006 3e92 bf4a 3e97, 3ef8b0bf,
be9ef302)"},
    {"Ada_tf32", Generation::kAda, Format::kTf32, R"(
bf3a6 3ee98 bfe92 bf42c, bfdde bfaba 3bb9a 3f99a, 3f3c4a8a, 3eecddd6;
3fdb 3e1c8 bfe9a bedba, 3e274 3f0b 3f1d6 be45e, 3e73282d, bee0e5c7;
bf13e 3ec2a bf33a bf27e, bf952 bf248 3cba4 bfa52, 3f49d435, 400303d1;
3eeba 3f902 bfaa4 bee96, bba1a 3f09e 3e7c8 bf106, 3ee62f2b, 3f7b99fd)"},
    {"Ada_E4M3", Generation::kAda, Format::kE4M3, R"(
bdc 3fa bf2 3f5 3f6 3c 3eb 3e6 c01 bee 3f 3dd bf8 3dd bdb bf5 3e8 3e9 bc6 bf4 401 bf6 3e6 c bf3
3f1 bea 3f bf2 3e2 be8 bf2, 3dd bf9 3f5 3f8 3ea 3f 3ec 3f8 bfb bfa bf 3ed 3f 3ee bff 3f1 3f4
bf4 bf3 bc9 3e3 bda bf3 be7 be1 3ff bfa 3f1 be1 be1 3f be9, 3f2987bd, 40b234, 40b22;
bf1 c02 be2 c bef 3ef bf4 3f4 be1 3ef 3f5 bde 3f9 3f7 bf1 bec bec bd5 be2 3fa 3f9 bdd bf2 3cc
bfc 4 bea c bf8 3dc be2 3fb, bf2 bf6 c02 3e9 bf8 3ed bdc 3f2 bdc c c04 3f 3d4 3f8 bfa 3ff 3f3
3ec 3f4 bf3 bfd 3f9 4 3ec 3ef 402 3f3 bfc 3fc 403 3f8 bf2, 3e027c9e, 3fd3a, 3fd3c;
bfa bee be8 beb bf4 3f8 3dc 3ea bed 3f8 bfe 3cf 3ef bec 3e6 bf6 3eb 3f8 bf1 bf2 bf5 3f bef 3f
be4 bf7 bf9 be3 4 3fd bf7 bf3, 3fc 3f be1 3fb bf5 bfb bf1 3e8 bfb 3e5 3fa be5 bfa bf3 bf8 be3
bf5 3f3 3ec 3fb bed bf1 bf2 bf7 bea be 3db bfd 3ed bf8 3d9 be3, 3e36ac91, c0c394, c0c3a)"},
    {"Ada_E5M2", Generation::kAda, Format::kE5M2, R"(
3f6 3f8 bea 3fa bf2 3ea 3f8 3fe 3f6 3f4 bf8 3ea 3ce 3e8 3f8 3f4 bf8 3f6 3bc bfa bee be6 3fa 3fc
bd2 3e6 bf bee bf2 3f2 402 3ec, 3f bf2 3ec 3e8 bfe 3ee bfc bf8 3da bf2 bf4 4 bc6 4 3e bea bf6
3fe bf2 3f bec bdc bf8 3fa 3fc 3fa bda bc4 bfc bec 3d2 bbc, 3f503bf, 4073ec, 4073e;
bf c02 be2 c bee 3ee bf4 3f4 be 3ee 3f4 bde 3f8 3f6 bf bec bec bd4 be2 3fa 3f8 bdc bf2 3cc bfc
4 bea c bf8 3dc be2 3fa, bf2 bf6 c02 3e8 bf8 3ec bdc 3f2 bdc c c04 3f 3d4 3f8 bfa 3fe 3f2 3ec
3f4 bf2 bfc 3f8 4 3ec 3ee 402 3f2 bfc 3fc 402 3f8 bf2, 3ee88c45, 402ac, 402ac;
bfa bee be8 bea bf4 3f8 3dc 3ea bec 3f8 bfe 3ce 3ee bec 3e6 bf6 3ea 3f8 bf bf2 bf4 3f bee 3f
be4 bf6 bf8 be2 4 3fc bf6 bf2, 3fc 3f be 3fa bf4 bfa bf 3e8 bfa 3e4 3fa be4 bfa bf2 bf8 be2 bf4
3f2 3ec 3fa bec bf bf2 bf6 bea be 3da bfc 3ec bf8 3d8 be2, 3eff1ec5, c0b458, c0b46)"},
    {"H100_fp16", Generation::kHopper, Format::kF16, R"(
bfe28 3fc96 bf0de 3f7 4018a 3f4d4 bed42 3e1aa 3eb62 bfdc8 3c77e 408 3d354 bcd88 bebbc 3f8de,
3f09c 3f488 3e9cc bf3d2 3f94 3dab6 bde6e bee18 bf90e bf1a6 bf0f2 beb6a bf9b8 3ea54 3f0ce bf808,
3e5bc1a4, 3e85bc22, 3e85c;
3efee 3f8c4 c0074 3fc1e 3ebca c0004 be882 bfc7e 3eab6 3de18 3fcca 3fdd6 3f81c 404b4 3fcd8
bef36, 3fbec bf12c bcc3 bfc62 bf7d8 3f40a 3fae2 beeca 3de96 bf2e4 bebe6 be0cc 3e326 3f808 3f94a
bf382, 3ee58c8f, 3fba8457, 3fba8;
3f9ae bee36 3f35e beb5a 3ff6c 3e6f4 bf3da 3f85a 3f49e be4be 3e06c 3f8fa 3ea94 bf90e 3dfd4
bdf92, 3f654 bfa6 bf888 3ed32 3b70a 3faac bfc76 40262 bfa78 3fec2 bf3a bb35 bfcaa 3fa12 bf0f6
3e22e, 3e9ae3c, 3fda5838, 3fda6;
3efbe beaa6 bffa4 bfd06 bf42 3fa54 bed56 3d39c bebba 3f1b6 3ef86 c00ac 3fcc4 3e052 bf37 3fea,
be97e 3f068 be36e 3f64 be586 4012 bf264 3f0c2 3f754 3fa82 bf90e 3dfca 3e362 bf762 3f94 bf376,
3f045cd6, 3e18461c, 3e186)"},
    {"H100_bf16", Generation::kHopper, Format::kBf16, R"(
3f7a 3f87 bea6 3fbf bf3d 3ead 3f8 3fe8 3f62 3f5d bf8c 3eb3 3cf1 3e9c 3f86 3f59, 3f19 bf26 3ed7
3e9d bff3 3ef2 bfc1 bf9 3dbf bf31 bf52 400e bc71 401e 3e1c bea4, 3f342579, 3f3cc4dd;
3efe 3f8c c007 3fc1 3ebc c be88 bfc7 3eab 3de1 3fcc 3fdd 3f81 404b 3fcd bef3, 3fbe bf12 bcc3
bfc6 bf7d 3f4 3fae beec 3de9 bf2e bebe be0c 3e32 3f8 3f94 bf38, 3f60d049, 3ff0442c;
bffb 3d87 3f54 3f7 bd99 3fa 3ec3 bea2 be5f bf67 3ee bf3e bef9 bfb3 3d6b 3f1d, bed7 3fb6 3f84
3f67 3e4d be7a 3f06 3d8a bfc3 bfa7 3f2e 3fa6 bf1e 3f79 bcd5 3fbc, 3ec5540f, 4062c937;
3f6a 3f8e 3e05 bed6 bf16 3f8 bead 3f4d 3e9a 3d79 bf01 3f1e 3f5 be88 3ea2 3f2a, 3fce be88 3faa
4008 bf84 3f9c be2f bfbe 3f8a 3e72 3f82 3e0f bf5f 3fba be27 bfc5, 3f30158f, bed3d192)"},
    {"H100_tf32", Generation::kHopper, Format::kTf32, R"(
bf3a6 3ee98 bfe92 bf42c, bfdde bfaba 3bb9a 3f99a, 3f01ab1d, 3e6f3df7;
bf632 3e8a8 bfd68 bf92e, 3f0aa 3f30e 3fdaa bcb38, 3db0711c, c042d8bd;
bf8de 3f962 bf0de 3ea84, beb9c bf83 3f16 3f4c4, 3ea4f9ed, bf09ddf9;
3fb9 3e49 bee52 3f442, bd5ee 3f6ce be826 bfb92, 3e7c6385, bf25055f)"},
    {"H100_E4M3", Generation::kHopper, Format::kE4M3, R"(
3f7 3f8 bea 3fb bf3 3ea 3f8 3fe 3f6 3f5 bf8 3eb 3cf 3e9 3f8 3f5 bf8 3f7 3bc bfa bee be6 3fa 3fd
bd2 3e6 bf bef bf3 3f3 402 3ed, 3f1 bf2 3ed 3e9 bff 3ef bfc bf9 3db bf3 bf5 4 bc6 401 3e1 bea
bf7 3ff bf2 3f1 bed bdd bf8 3fa 3fd 3fb bdb bc4 bfc bec 3d2 bbc, 3f213ebd, 40727c, 408d8;
bf1 c02 be2 c bef 3ef bf4 3f4 be1 3ef 3f5 bde 3f9 3f7 bf1 bec bec bd5 be2 3fa 3f9 bdd bf2 3cc
bfc 4 bea c bf8 3dc be2 3fb, bf2 bf6 c02 3e9 bf8 3ed bdc 3f2 bdc c c04 3f 3d4 3f8 bfa 3ff 3f3
3ec 3f4 bf3 bfd 3f9 4 3ec 3ef 402 3f3 bfc 3fc 403 3f8 bf2, 3ec53f1f, 3fc36, 3ff5;
3ef bf7 3e8 3e4 3e5 bee 3f2 3fb bf6 3fb 3f9 be1 3e1 bf6 bf9 3f6 3fe bfd bed 3e8 bfa bf3 3f1 3d8
bdb 3fa bf3 bf 3ed 3ec 3f6 3fd, bf9 3fb 3e7 3ee 3e8 bf2 beb 3fa bfa bc4 be8 3f6 3e1 bf9 3e9 bf3
beb 3f4 bfc 3d3 bee 3ec bf9 3f9 3f9 3fe 401 3df 3e3 3c6 3ea bef, 3f71e3aa, befac, 3ee94)"},
    {"H100_E5M2", Generation::kHopper, Format::kE5M2, R"(
3f6 3f8 bea 3fa bf2 3ea 3f8 3fe 3f6 3f4 bf8 3ea 3ce 3e8 3f8 3f4 bf8 3f6 3bc bfa bee be6 3fa 3fc
bd2 3e6 bf bee bf2 3f2 402 3ec, 3f bf2 3ec 3e8 bfe 3ee bfc bf8 3da bf2 bf4 4 bc6 4 3e bea bf6
3fe bf2 3f bec bdc bf8 3fa 3fc 3fa bda bc4 bfc bec 3d2 bbc, 3f0856ba, 403fdc, 40622;
bf c02 be2 c bee 3ee bf4 3f4 be 3ee 3f4 bde 3f8 3f6 bf bec bec bd4 be2 3fa 3f8 bdc bf2 3cc bfc
4 bea c bf8 3dc be2 3fa, bf2 bf6 c02 3e8 bf8 3ec bdc 3f2 bdc c c04 3f 3d4 3f8 bfa 3fe 3f2 3ec
3f4 bf2 bfc 3f8 4 3ec 3ee 402 3f2 bfc 3fc 402 3f8 bf2, 3f71a452, 400db, 4049e;
3ee bf6 3e8 3e4 3e4 bee 3f2 3fa bf6 3fa 3f8 be 3e bf6 bf8 3f6 3fe bfc bec 3e8 bfa bf2 3f 3d8
bda 3fa bf2 bf 3ec 3ec 3f6 3fc, bf8 3fa 3e6 3ee 3e8 bf2 bea 3fa bfa bc4 be8 3f6 3e bf8 3e8 bf2
bea 3f4 bfc 3d2 bee 3ec bf8 3f8 3f8 3fe 4 3de 3e2 3c6 3ea bee, 3eccc584, 3ebc2, 3f446)"},
    {"B200_fp16", Generation::kBlackwell, Format::kF16, R"(
3ff16 3fda bf022 bf0ac bf5ea 3e086 3fe9c 3eaa6 3e54a bf5d2 3fb5c 3d9fe be88 3f646 3d074 bfc9e,
bece bf0f2 3ff68 3e33 3dac2 40238 3f50e 3ccc6 bfae 3eacc 3f84a 3db6e bfcd8 3dbde 3e9d2 3ef14,
3ea9b365, bbe47b4, bbe16;
c05ba bf75c bfeee 3f708 3faa8 be6cc bff88 bf392 3d226 3e748 be4fe 3f104 3f548 bf40e 3f664
3e4c2, 3eda6 3f3f6 bdd68 3fb6 3fdac 3f2ac bd7cc bf7c4 3fd96 bf8e4 3f96a 3e9aa bf59c 3fa2e bf5ca
bf3a2, 3f6bb24c, 3ebf523b, 3ebf6;
bf634 3ec5a 3f3d4 bf502 3f8d6 bf31 3edaa bed5e bec6 bf5ca 3fb bd3e4 3e172 bf1c2 bf382 3ecfa,
bf74c bfb76 3d878 3ea36 bf42c 3fb14 beb8a bec5 bee8 bfb7c bf1e6 bf27e bf0ba ba2fa bfe74 3f07e,
3d89f04d, 3ec6de9b, 3ec6e;
3f6a6 3f8e4 3e05 bed62 bf166 3f80a bead6 3f4de 3e9a6 3d794 bf01e 3f1ee 3f508 be882 3ea2a 3f2a4,
3fce8 be884 3faa4 4008a bf842 3f9c6 be2f6 bfbea 3f8a 3e722 3f822 3e0f bf5f 3fba6 be272 bfc56,
3f5477b8, be8e5acf, be8e4)"},
    {"B200_bf16", Generation::kBlackwell, Format::kBf16, R"(
3f7a 3f87 bea6 3fbf bf3d 3ead 3f8 3fe8 3f62 3f5d bf8c 3eb3 3cf1 3e9c 3f86 3f59, 3f19 bf26 3ed7
3e9d bff3 3ef2 bfc1 bf9 3dbf bf31 bf52 400e bc71 401e 3e1c bea4, 3d93b3ab, 3dd8aec8;
3f6a 3f1c bebe bfc bef7 3e2 be27 bfbc 3f6f 3bc1 bfd1 3e0f 3eee bf76 be42 3c2c, 3f1c bfef 3f36
3e39 3c5a 3ee8 bf7d 3f55 3f16 3cf 3e81 be7e be97 4001 bf83 bedc, 3f797939, c03af269;
3f9a bee3 3f35 beb5 3ff6 3e6f bf3d 3f85 3f49 be4b 3e06 3f8f 3ea9 bf9 3dfd bdf9, 3f65 bfa6 bf88
3ed3 3b7 3faa bfc7 4026 bfa7 3fec bf3a bb35 bfca 3fa1 bf0f 3e22, 3f2afc18, 4004789c;
3f6a 3f8e 3e05 bed6 bf16 3f8 bead 3f4d 3e9a 3d79 bf01 3f1e 3f5 be88 3ea2 3f2a, 3fce be88 3faa
4008 bf84 3f9c be2f bfbe 3f8a 3e72 3f82 3e0f bf5f 3fba be27 bfc5, 3ecf22f1, bf326cdf)"},
    {"B200_tf32", Generation::kBlackwell, Format::kTf32, R"(
be87e 3e40c bf244 bc9f2, 3f852 3f36a 3f702 bd766, 3ef9d7c7, be82406;
bfe46 3e9ae 3dbaa 3ebf, bf044 bf79 c0006 bf974, 3e2a1591, 3e2e1399;
bfb12 bf49c 3fd24 3f9c6, be96e 3f666 3eb98 bf91e, 3e23e00b, bf7045d9;
3f292 be67e be22a bfbf8, 3f15 be0e2 bf174 3f732, 3f562654, bd98afb2)"},
    {"B200_E4M3", Generation::kBlackwell, Format::kE4M3, R"(
be8 3e4 bf2 bc9 3e2 bf3 3f4 bea 3e9 3da 3ea bf4 3fc bea bfd 3ef 3e8 bf2 bf1 bf9 3eb bfa 3dc 3f8
bea 4 bea 3f6 bfa bf bea 3f3, 3f8 3f3 3f7 bd7 3e8 bf6 be4 3f9 bf1 bfa 3ee 3cd 4 3f9 bf3 c01 bf
bef 3ff bf3 3f6 bf4 bd bf7 3dc bf7 3fc c01 3f8 bee 3f3 bef, 3edd2b2c, c051d1ba, c051e;
bf1 c02 be2 c bef 3ef bf4 3f4 be1 3ef 3f5 bde 3f9 3f7 bf1 bec bec bd5 be2 3fa 3f9 bdd bf2 3cc
bfc 4 bea c bf8 3dc be2 3fb, bf2 bf6 c02 3e9 bf8 3ed bdc 3f2 bdc c c04 3f 3d4 3f8 bfa 3ff 3f3
3ec 3f4 bf3 bfd 3f9 4 3ec 3ef 402 3f3 bfc 3fc 403 3f8 bf2, 3ba7e983, 3fc407ea, 3fc44;
3ef bf7 3e8 3e4 3e5 bee 3f2 3fb bf6 3fb 3f9 be1 3e1 bf6 bf9 3f6 3fe bfd bed 3e8 bfa bf3 3f1 3d8
bdb 3fa bf3 bf 3ed 3ec 3f6 3fd, bf9 3fb 3e7 3ee 3e8 bf2 beb 3fa bfa bc4 be8 3f6 3e1 bf9 3e9 bf3
beb 3f4 bfc 3d3 bee 3ec bf9 3f9 3f9 3fe 401 3df 3e3 3c6 3ea bef, 3f183fb, 3dd6fd8, 3dd8)"},
    {"B200_E5M2", Generation::kBlackwell, Format::kE5M2, R"(
3f6 3f8 bea 3fa bf2 3ea 3f8 3fe 3f6 3f4 bf8 3ea 3ce 3e8 3f8 3f4 bf8 3f6 3bc bfa bee be6 3fa 3fc
bd2 3e6 bf bee bf2 3f2 402 3ec, 3f bf2 3ec 3e8 bfe 3ee bfc bf8 3da bf2 bf4 4 bc6 4 3e bea bf6
3fe bf2 3f bec bdc bf8 3fa 3fc 3fa bda bc4 bfc bec 3d2 bbc, 3f3f9447, 406fc2f2, 406fe;
bf c02 be2 c bee 3ee bf4 3f4 be 3ee 3f4 bde 3f8 3f6 bf bec bec bd4 be2 3fa 3f8 bdc bf2 3cc bfc
4 bea c bf8 3dc be2 3fa, bf2 bf6 c02 3e8 bf8 3ec bdc 3f2 bdc c c04 3f 3d4 3f8 bfa 3fe 3f2 3ec
3f4 bf2 bfc 3f8 4 3ec 3ee 402 3f2 bfc 3fc 402 3f8 bf2, 3f5abbdc, 40445ef7, 40444;
bfc 3fc 3ee bd4 bf2 3f6 be 3fa bf bf6 bf2 3fa bf8 bf2 3f2 c bf4 be8 be4 bee 4 3cc 3f bfc bf8 bf
be2 be4 3fc 3f 3ec 3ec, 3f 3ee bf be bf6 3fa 3fa 3ee c c bea bf 3e8 c 3fe bf 3f6 bf6 3f bce 3f4
3f8 4 3f8 bf2 3e8 bf8 bfe 3f2 bf6 bec bf2, 3f6d4d1f, 411addd2, 411ae)"},
};
// clang-format on

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_RECORDED_ROWS_H_
