"""From a session's FLAIR and lesions to the small arrays that the classifiers take."""
