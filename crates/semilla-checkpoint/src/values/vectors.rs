//! Loops compiled for the widest vectors that this CPU has.

/// Work on many elements, written as plain loops that a compiler turns into vector code. Its result must be the same on
/// every machine.
pub(crate) trait Job {
    /// What comes out of it.
    type Done;

    /// Does it. To be marked `#[inline(always)]`, so that it is compiled anew for each kind of vectors.
    fn run(self) -> Self::Done;
}

/// Does a job with the widest vectors.
pub(crate) fn widest<J: Job>(job: J) -> J::Done {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn avx512<J: Job>(job: J) -> J::Done {
            job.run()
        }
        #[target_feature(enable = "avx2")]
        fn avx2<J: Job>(job: J) -> J::Done {
            job.run()
        }
        let has_avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if has_avx512 {
            // SAFETY: this CPU has the features.
            return unsafe { avx512(job) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this CPU has the feature.
            return unsafe { avx2(job) };
        }
    }
    job.run()
}
